//! A gateway with telephones 8000 and 8001 (and a QSIG exchange with 47..), a Unified CM with 1... and 2... on its SIP trunk.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use system_tests::{
    Lines, Measured, Pbx, Profile, Run, Said, Side, SipPhone, Tipringd, TrunkCall, TrunkTransport, UnifiedCm,
    free_port, json, tone_measure,
};

/// A telephone rings, or a display changes, within this.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Everything of a test.
pub(crate) struct Site {
    pub(crate) gateway: Tipringd,
    pub(crate) cm: UnifiedCm,
    pub(crate) lines: Lines,
    pub(crate) pbx: Option<Pbx>,
    /// Media of a telephone of the Unified CM.
    pub(crate) phone: SipPhone,
    /// Media of another one.
    pub(crate) other: SipPhone,
}

/// What the configuration of a gateway has beside the usual.
#[derive(Default)]
pub(crate) struct Plan {
    /// Lines of the dial peer to the Unified CM.
    pub(crate) peer: &'static str,
    /// Everything else.
    pub(crate) more: String,
    /// The exchange is there.
    pub(crate) pbx: bool,
    /// `session target`, if not the address.
    pub(crate) target: Option<String>,
    /// Arguments of the daemon.
    pub(crate) args: Vec<String>,
}

fn nowhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 9))
}

impl Site {
    pub(crate) fn udp(peer: &'static str) -> Self {
        Self::new(UnifiedCm::new(TrunkTransport::Udp), Plan { peer, ..Plan::default() })
    }

    pub(crate) fn tcp(peer: &'static str) -> Self {
        Self::new(UnifiedCm::new(TrunkTransport::Tcp), Plan { peer, ..Plan::default() })
    }

    /// With the exchange.
    pub(crate) fn tcp_with_pbx(peer: &'static str) -> Self {
        Self::new(UnifiedCm::new(TrunkTransport::Tcp), Plan { peer, pbx: true, ..Plan::default() })
    }

    pub(crate) fn new(mut cm: UnifiedCm, plan: Plan) -> Self {
        let trunk = free_port();
        let target = plan.target.unwrap_or_else(|| format!("ipv4:{}", cm.address()));
        let transport = match cm.transport() {
            TrunkTransport::Udp => "udp",
            TrunkTransport::Tcp => "tcp",
            TrunkTransport::Tls { .. } => "tcp tls",
        };
        let mut config = format!(
            "voice-port 2/0\n mwi\n!\ndial-peer voice 100 voip\n destination-pattern [12]...\n session protocol sipv2\n session target {target}\n \
             session transport {transport}\n incoming called-number .\n codec g711ulaw\n no vad\n{}!\n\
             dial-peer voice 8000 pots\n destination-pattern 8000\n port 2/0\n!\n\
             dial-peer voice 8001 pots\n destination-pattern 8001\n port 2/1\n!\n{}",
            plan.peer, plan.more
        );
        let mut hardware = String::from(
            "[[fxs]]\nport = \"2/0\"\nbackend = \"sim\"\n\n[[fxs]]\nport = \"2/1\"\nbackend = \"sim\"\n\n",
        );
        if plan.pbx {
            config.push_str(
                "isdn switch-type primary-qsig\n!\ncontroller E1 1/0\n pri-group timeslots 1-31\n!\n\
                 interface Serial1/0:15\n isdn protocol-emulate user\n!\n\
                 dial-peer voice 47 pots\n destination-pattern 47..\n no digit-strip\n port 1/0:15\n!\n",
            );
            hardware.push_str(&format!(
                "[[pri]]\ncontroller = \"E1 1/0\"\nbackend = \"socket\"\naddress = \"tcp-listen:127.0.0.1:{trunk}\"\n"
            ));
        }
        let gateway = Tipringd::start_run(Run { config, hardware, profile: Profile::Debug, args: plan.args });
        cm.set_gateway(gateway.sip());
        let pbx = plan.pbx.then(|| {
            let mut pbx = Pbx::connect(([127, 0, 0, 1], trunk).into(), Side::Network, &[]);
            pbx.wait_up();
            gateway
                .show_until("show isdn status", SOON, |shown| shown.contains("MULTIPLE_FRAME_ESTABLISHED"));
            pbx
        });
        let lines = gateway.lines();
        let telephone = || SipPhone::new(Ipv4Addr::LOCALHOST, nowhere());
        Self { gateway, cm, lines, pbx, phone: telephone(), other: telephone() }
    }

    /// The exchange.
    pub(crate) fn pbx(&mut self) -> &mut Pbx {
        self.pbx.as_mut().expect("a site with an exchange")
    }

    /// An answer of the telephone of the Unified CM.
    pub(crate) fn answer(&mut self) -> String {
        self.cm.sdp(self.phone.media(), "0 101", "")
    }

    /// The telephone of the Unified CM rings and answers the gateway's call, and is heard.
    pub(crate) fn cm_answers(&mut self, call: &mut TrunkCall, invite: &Said) {
        self.cm.reply(call, invite, 100, "", "");
        self.cm.reply(call, invite, 180, "", "");
        let answer = self.answer();
        self.cm.reply(call, invite, 200, "", &answer);
        self.cm.gets(call, "ACK");
        self.phone.speak(invite.rtp(), Some(440.0));
    }

    /// 1001 calls 8000 without an offer, which rings and answers: INVITE to ACK. The 200 has our offer.
    pub(crate) fn delayed(&mut self, headers: &str) -> (TrunkCall, Said) {
        let mut call = self.cm.call("1001", "8000");
        let ok = self.delayed_as(&mut call, headers);
        (call, ok)
    }

    /// The same for a call that is there already.
    pub(crate) fn delayed_as(&mut self, call: &mut TrunkCall, headers: &str) -> Said {
        self.cm.send(call, "INVITE", headers, "");
        let ok = self.is_answered(call);
        let answer = self.answer();
        self.cm.send(call, "ACK", "", answer);
        self.phone.speak(ok.rtp(), Some(440.0));
        ok
    }

    /// 1001 calls 8000 with an offer, which rings and answers: INVITE to ACK.
    pub(crate) fn early(&mut self, headers: &str) -> (TrunkCall, Said) {
        let mut call = self.cm.call("1001", "8000");
        let offer = self.answer();
        self.cm.send(&mut call, "INVITE", headers, offer);
        let ok = self.is_answered(&mut call);
        self.cm.send(&mut call, "ACK", "", "");
        self.phone.speak(ok.rtp(), Some(440.0));
        (call, ok)
    }

    /// Telephone 8000 rings and answers; gives the 200.
    pub(crate) fn is_answered(&mut self, call: &mut TrunkCall) -> Said {
        self.cm.gets(call, "100");
        let ringing = self.cm.gets(call, "180");
        assert!(ringing.header("Contact").contains("sip:8000@"), "{ringing:?}");
        assert!(self.lines.rings("2/0", SOON));
        self.lines.off_hook("2/0");
        self.cm.gets(call, "200*")
    }

    /// 8000 calls 2003, which rings and answers: INVITE to ACK.
    pub(crate) fn outgoing(&mut self, headers: &str) -> (TrunkCall, Said) {
        self.lines.dial("2/0", "2003");
        let (mut call, invite) = self.cm.called("2003");
        self.cm.reply(&call, &invite, 100, "", "");
        self.cm.reply(&call, &invite, 180, "", "");
        let answer = self.answer();
        self.cm.reply(&call, &invite, 200, headers, &answer);
        self.cm.gets(&mut call, "ACK");
        self.phone.speak(invite.rtp(), Some(440.0));
        (call, invite)
    }

    /// The Unified CM changes the session by a re-INVITE with an offer; gives our answer.
    pub(crate) fn reinvite(&mut self, call: &mut TrunkCall, headers: &str, offer: &str) -> Said {
        self.cm.send(call, "INVITE", headers, offer);
        let answer = self.cm.gets(call, "200*");
        self.cm.send(call, "ACK", "", "");
        answer
    }

    /// The Unified CM asks for an offer, and answers it in the ACK; gives our offer.
    pub(crate) fn asks_for_offer(&mut self, call: &mut TrunkCall, headers: &str, answer: &str) -> Said {
        self.cm.send(call, "INVITE", headers, "");
        let offer = self.cm.gets(call, "200*");
        self.cm.send(call, "ACK", "", answer);
        offer
    }

    /// The Unified CM hangs up.
    pub(crate) fn cm_hangs_up(&mut self, call: &mut TrunkCall) -> Said {
        self.cm.send(call, "BYE", "", "");
        self.cm.gets(call, "200")
    }

    /// The telephone of 8000 hangs up; gives the BYE, which says that all is well.
    pub(crate) fn line_hangs_up(&mut self, call: &mut TrunkCall) -> Said {
        self.lines.act("2/0", "onhook", &json!({}));
        let bye = self.cm.gets(call, "BYE");
        assert!(bye.header("Reason").contains("Q.850;cause=16"), "{bye:?}");
        self.cm.reply(call, &bye, 200, "", "");
        bye
    }

    /// The line of 8000 has been idle for as long as a flash may last, so that the next off-hook is a call.
    pub(crate) fn line_rests(&self) {
        std::thread::sleep(Duration::from_millis(1300));
    }

    /// 8000 hears this one tone.
    #[track_caller]
    pub(crate) fn line_hears(&mut self, hz: &str) {
        std::thread::sleep(Duration::from_millis(400));
        self.lines.hear("2/0", 0.6).assert_one_tone(hz, None);
    }

    /// 8000 hears nothing.
    #[track_caller]
    pub(crate) fn line_hears_nothing(&mut self) {
        std::thread::sleep(Duration::from_millis(400));
        let heard = self.lines.hear("2/0", 0.5);
        assert!(heard.segments.is_empty(), "{heard:?}");
    }

    /// 8000 says 1004 Hz, and the telephone of the Unified CM hears it.
    #[track_caller]
    pub(crate) fn cm_hears_line(&mut self) {
        let heard = Self::spoken_to(&mut self.lines, &self.gateway, &self.phone);
        heard.assert_one_tone("1004", None);
    }

    /// The same for the other telephone.
    #[track_caller]
    pub(crate) fn other_hears_line(&mut self) {
        let heard = Self::spoken_to(&mut self.lines, &self.gateway, &self.other);
        heard.assert_one_tone("1004", None);
    }

    fn spoken_to(lines: &mut Lines, gateway: &Tipringd, phone: &SipPhone) -> Measured {
        let file = gateway.scratch().join("said.wav");
        system_tests::write_tone(&file, 1004.0, 2);
        lines.act("2/0", "play", &json!({"file": file}));
        std::thread::sleep(Duration::from_millis(500));
        let heard = gateway.scratch().join("heard.wav");
        phone.listen(0.6, &heard);
        tone_measure(&heard)
    }

    /// No call is left, and the last one ended with this Q.850 cause on all its legs.
    #[track_caller]
    pub(crate) fn ended(&self, cause: u8) {
        self.gateway
            .show_until("show call active voice brief", SOON, |shown| shown.contains("Total call-legs: 0"));
        assert!(self.gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
        let history = self.gateway.show("show call history voice brief");
        let ended =
            history.lines().filter(|line| line.starts_with(" dur ")).filter(|line| line.contains(" ("));
        let ends: Vec<&str> = ended.collect();
        assert!(!ends.is_empty(), "{history}");
        let code = format!(" {cause:X}  (");
        assert!(ends.iter().all(|line| line.contains(&code)), "not all with cause {cause}:\n{history}");
    }

    /// No call is left, whatever it ended with.
    #[track_caller]
    pub(crate) fn over(&self) {
        self.gateway
            .show_until("show call active voice brief", SOON, |shown| shown.contains("Total call-legs: 0"));
        assert!(self.gateway.show("show voip rtp connections").contains("Found 0 active RTP connections"));
    }
}
