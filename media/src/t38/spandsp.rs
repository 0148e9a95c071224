//! libspandsp 0.0.6 (libspandsp.so.2), loaded at run time: the few functions that a T.38 gateway needs, each behind a safe one.

// The one place of the crate with `unsafe`: functions of a C library.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;

use libloading::Library;

use super::{GatewayConfig, MAX_DATAGRAM, T38Error};

/// Samples given at a time at most.
const BLOCK: usize = 160;
/// Packets the library may make before they are fetched.
const MAX_IFPS: usize = 256;
/// `MODEM_CONNECT_TONES_FAX_PREAMBLE`.
const FAX_PREAMBLE: c_int = 6;
/// `T30_SUPPORT_V27TER`, `_V29`, `_V17`.
const MODEMS: [(u32, c_int); 3] = [(0, 1), (9600, 2), (14_400, 4)];

type State = *mut c_void;
type SendIfp = unsafe extern "C" fn(State, *mut c_void, *const u8, c_int, c_int) -> c_int;

/// The library's functions. They are called through `Functions` only, which lives as long as the program and keeps the library.
pub(super) struct Functions {
    gateway_init: unsafe extern "C" fn(State, SendIfp, *mut c_void) -> State,
    gateway_free: unsafe extern "C" fn(State) -> c_int,
    gateway_rx: unsafe extern "C" fn(State, *mut i16, c_int) -> c_int,
    gateway_tx: unsafe extern "C" fn(State, *mut i16, c_int) -> c_int,
    gateway_set_ecm: unsafe extern "C" fn(State, c_int),
    gateway_set_modems: unsafe extern "C" fn(State, c_int),
    gateway_core: unsafe extern "C" fn(State) -> State,
    core_rx_ifp: unsafe extern "C" fn(State, *const u8, c_int, u16) -> c_int,
    ear_init: unsafe extern "C" fn(State, c_int, *const c_void, *const c_void) -> State,
    ear_free: unsafe extern "C" fn(State) -> c_int,
    ear_rx: unsafe extern "C" fn(State, *const i16, c_int) -> c_int,
    ear_get: unsafe extern "C" fn(State) -> c_int,
    _library: Library,
}

/// The library, looked for once.
pub(super) fn library() -> Option<&'static Functions> {
    static LIBRARY: OnceLock<Option<Functions>> = OnceLock::new();
    LIBRARY.get_or_init(load).as_ref()
}

fn load() -> Option<Functions> {
    // SAFETY: libspandsp has no initialisers that could do harm; the number in its name stands for this interface.
    let library = unsafe { Library::new("libspandsp.so.2") }.ok()?;
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the types are those of spandsp's headers 0.0.6, with its structs as the pointers they are
            // used by. The pointer is kept beside the library.
            *unsafe { library.get(concat!($name, "\0").as_bytes()) }.ok()?
        };
    }
    Some(Functions {
        gateway_init: function!("t38_gateway_init"),
        gateway_free: function!("t38_gateway_free"),
        gateway_rx: function!("t38_gateway_rx"),
        gateway_tx: function!("t38_gateway_tx"),
        gateway_set_ecm: function!("t38_gateway_set_ecm_capability"),
        gateway_set_modems: function!("t38_gateway_set_supported_modems"),
        gateway_core: function!("t38_gateway_get_t38_core_state"),
        core_rx_ifp: function!("t38_core_rx_ifp_packet"),
        ear_init: function!("modem_connect_tones_rx_init"),
        ear_free: function!("modem_connect_tones_rx_free"),
        ear_rx: function!("modem_connect_tones_rx"),
        ear_get: function!("modem_connect_tones_rx_get"),
        _library: library,
    })
}

/// Packets the library wants sent, and how often each.
type Ifps = VecDeque<(Vec<u8>, usize)>;

/// The library's gateway.
pub(super) struct Modems {
    functions: &'static Functions,
    state: NonNull<c_void>,
    /// Came from a box. The library writes to it during calls on `state`, which happen in `&mut self` only.
    ifps: NonNull<Ifps>,
}

// SAFETY: the state belongs to this value alone and to no thread; the library keeps nothing else.
unsafe impl Send for Modems {}

impl fmt::Debug for Modems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Modems")
    }
}

impl Modems {
    pub(super) fn new(config: &GatewayConfig) -> Result<Self, T38Error> {
        let functions = library().ok_or(T38Error::NoLibrary)?;
        let ifps = NonNull::from(Box::leak(Box::<Ifps>::default()));
        // SAFETY: null asks for a new state; the user's pointer stays valid as long as the state, see `Drop`.
        let state =
            unsafe { (functions.gateway_init)(ptr::null_mut(), send_ifp, ifps.as_ptr().cast::<c_void>()) };
        let Some(state) = NonNull::new(state) else {
            // SAFETY: it came from a box above, and nobody has it.
            drop(unsafe { Box::from_raw(ifps.as_ptr()) });
            return Err(T38Error::Refused);
        };
        let modems =
            MODEMS.iter().filter(|(rate, _)| *rate <= config.max_bit_rate).fold(0, |all, (_, bit)| all | bit);
        // SAFETY: `state` is a gateway's.
        unsafe {
            (functions.gateway_set_ecm)(state.as_ptr(), c_int::from(config.ecm));
            (functions.gateway_set_modems)(state.as_ptr(), modems);
        }
        Ok(Self { functions, state, ifps })
    }

    pub(super) fn hear(&mut self, samples: &[i16]) {
        // The library takes its input's mean away, in place.
        let mut block = [0; BLOCK];
        for samples in samples.chunks(BLOCK) {
            block.iter_mut().zip(samples).for_each(|(to, from)| *to = *from);
            // SAFETY: `state` is a gateway's, and the block has as many samples as it is said to have.
            unsafe {
                (self.functions.gateway_rx)(self.state.as_ptr(), block.as_mut_ptr(), samples.len() as c_int);
            }
        }
    }

    pub(super) fn say(&mut self, out: &mut [i16]) {
        out.fill(0);
        for out in out.chunks_mut(BLOCK) {
            // SAFETY: `state` is a gateway's, and the block has room for as many samples as it is said to have.
            unsafe { (self.functions.gateway_tx)(self.state.as_ptr(), out.as_mut_ptr(), out.len() as c_int) };
        }
    }

    pub(super) fn handle_ifp(&mut self, sequence: u16, ifp: &[u8]) {
        let Ok(len) = c_int::try_from(ifp.len()) else { return };
        // SAFETY: `state` is a gateway's, whose core is part of it; the packet has as many octets as it is said to have.
        unsafe {
            let core = (self.functions.gateway_core)(self.state.as_ptr());
            (self.functions.core_rx_ifp)(core, ifp.as_ptr(), len, sequence);
        }
    }

    pub(super) fn poll_ifp(&mut self) -> Option<(Vec<u8>, usize)> {
        // SAFETY: nobody else has it while the library is not running.
        unsafe { self.ifps.as_mut() }.pop_front()
    }
}

impl Drop for Modems {
    fn drop(&mut self) {
        // SAFETY: `state` is a gateway's, made by the library, and nobody has it after this; nor the packets, which
        // came from a box.
        unsafe {
            (self.functions.gateway_free)(self.state.as_ptr());
            drop(Box::from_raw(self.ifps.as_ptr()));
        }
    }
}

/// The library wants a packet sent so many times.
unsafe extern "C" fn send_ifp(
    _core: State,
    user: *mut c_void,
    ifp: *const u8,
    len: c_int,
    times: c_int,
) -> c_int {
    let (Ok(len), Ok(times)) = (usize::try_from(len), usize::try_from(times)) else { return -1 };
    if user.is_null() || ifp.is_null() || len > MAX_DATAGRAM {
        return -1;
    }
    // SAFETY: `user` is what `Modems::new` gave, which lives as long as the state that calls here, and no
    // reference to it exists while the library runs. `ifp` has `len` octets.
    let (ifps, ifp) = unsafe { (&mut *user.cast::<Ifps>(), std::slice::from_raw_parts(ifp, len)) };
    if ifps.len() >= MAX_IFPS {
        return -1;
    }
    ifps.push_back((ifp.to_vec(), times.clamp(1, 3)));
    0
}

/// The library's detector of a fax's beginning.
pub(super) struct Ear {
    functions: &'static Functions,
    state: NonNull<c_void>,
}

// SAFETY: as for `Modems`.
unsafe impl Send for Ear {}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}

impl Ear {
    pub(super) fn new() -> Result<Self, T38Error> {
        let functions = library().ok_or(T38Error::NoLibrary)?;
        // SAFETY: null asks for a new state that calls nobody.
        let state = unsafe { (functions.ear_init)(ptr::null_mut(), FAX_PREAMBLE, ptr::null(), ptr::null()) };
        Ok(Self { functions, state: NonNull::new(state).ok_or(T38Error::Refused)? })
    }

    pub(super) fn hear(&mut self, samples: &[i16]) -> bool {
        let Ok(len) = c_int::try_from(samples.len()) else { return false };
        // SAFETY: `state` is a detector's, and there are as many samples as said.
        unsafe {
            (self.functions.ear_rx)(self.state.as_ptr(), samples.as_ptr(), len);
            (self.functions.ear_get)(self.state.as_ptr()) == FAX_PREAMBLE
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // SAFETY: `state` is a detector's, made by the library, and nobody has it after this.
        unsafe { (self.functions.ear_free)(self.state.as_ptr()) };
    }
}
