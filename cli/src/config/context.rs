//! What a command's `apply` works with.

use super::{Config, Controller, Frame, Interface, SerialInterface, TrunkGroup, VoicePort};
use crate::grammar::matcher::{Args, Found};
use dialpeer::DialPeer;
use std::sync::Arc;

/// Why a command refuses its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyError {
    /// The caret stands under the n-th argument that is not a keyword.
    Argument(usize),
    /// The command's own words.
    Text(String),
    /// More words are needed.
    Incomplete,
}

/// A recognised line on its way into the configuration.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The configuration.
    pub config: &'a mut Config,
    /// The open sections, the innermost last. For a command that opens a section this is already the new one.
    pub frames: &'a [Frame],
    /// The words.
    pub args: &'a Args,
    /// The line is negated or set to its default.
    pub no: bool,
    /// The line began with `default`; [`Cx::no`] then says whether the default is the negated form.
    pub default: bool,
    /// Remark for the user.
    pub notice: Option<String>,
    /// Sections that hardware makes appear: header lines and their body lines.
    pub(crate) appear: Vec<(String, Vec<String>)>,
    /// Headers of sections that go with the hardware.
    pub(crate) vanish: Vec<String>,
}

impl<'a> Cx<'a> {
    pub(crate) fn new(config: &'a mut Config, frames: &'a [Frame], found: &'a Found, no: bool) -> Cx<'a> {
        Cx {
            config,
            frames,
            args: &found.args,
            no,
            default: false,
            notice: None,
            appear: Vec::new(),
            vanish: Vec::new(),
        }
    }

    /// The last word of the innermost section's name: the tag of a dial peer, the name of a port.
    pub fn name(&self) -> &str {
        self.frames.last().and_then(|f| f.key.rsplit(' ').next()).unwrap_or("")
    }

    /// The text argument `n`, or `None` if the line is negated.
    pub fn text(&self, n: usize) -> Option<String> {
        if self.no { None } else { self.args.argument(n).map(str::to_owned) }
    }

    /// The dial peer whose section is open.
    ///
    /// # Errors
    /// If there is none, which a grammar that opens the section rules out.
    pub fn peer(&mut self) -> Result<&mut DialPeer, ApplyError> {
        let tag: u32 = self.name().parse().map_err(|_| missing("dial peer"))?;
        let hint = self.frames.last().map_or(0, |f| f.hint);
        let peers = &mut self.config.dial_peers;
        // A section's peer was made together with its line, so it is at about the same place; look there first.
        let at = match peers.get(hint) {
            Some(peer) if peer.tag == tag => Some(hint),
            _ => peers.iter().rposition(|p| p.tag == tag),
        };
        at.and_then(|at| peers.get_mut(at)).map(Arc::make_mut).ok_or_else(|| missing("dial peer"))
    }

    /// The voice port whose section is open.
    ///
    /// # Errors
    /// As [`Cx::peer`].
    pub fn voice_port(&mut self) -> Result<&mut VoicePort, ApplyError> {
        let name = self.name().to_owned();
        self.config
            .voice_ports
            .iter_mut()
            .find(|p| p.port.as_str() == name)
            .map(Arc::make_mut)
            .ok_or_else(|| missing("voice port"))
    }

    /// The controller whose section is open.
    ///
    /// # Errors
    /// As [`Cx::peer`].
    pub fn controller(&mut self) -> Result<&mut Controller, ApplyError> {
        let name = self.name().to_owned();
        let key = self.frames.last().map(|f| f.key.clone()).unwrap_or_default();
        self.config
            .controllers
            .iter_mut()
            .find(|c| c.name == name && key.contains(c.kind.name()))
            .ok_or_else(|| missing("controller"))
    }

    /// The D channel interface whose section is open; `None` for an interface that is none.
    pub fn serial(&mut self) -> Option<&mut SerialInterface> {
        let name = self.name().strip_prefix("Serial")?.to_owned();
        self.config.serial_interfaces.iter_mut().find(|s| s.name == name)
    }

    /// The interface whose section is open; `None` for a D channel.
    pub fn interface(&mut self) -> Option<&mut Interface> {
        let name = self.name().to_owned();
        self.config.interfaces.iter_mut().find(|i| i.name == name)
    }

    /// The trunk group whose section is open.
    ///
    /// # Errors
    /// As [`Cx::peer`].
    pub fn trunk_group(&mut self) -> Result<&mut TrunkGroup, ApplyError> {
        let name = self.name().to_owned();
        self.config.trunk_groups.iter_mut().find(|g| g.label == name).ok_or_else(|| missing("trunk group"))
    }
}

fn missing(what: &str) -> ApplyError {
    ApplyError::Text(format!("% The {what} of this section no longer exists"))
}
