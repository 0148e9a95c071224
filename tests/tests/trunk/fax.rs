//! 7.1: T.38 between two gateways through a Unified CM. One of them is ours, with a fax server behind it.

use std::net::Ipv4Addr;

use system_tests::{FaxEnd, Said, SipPhone, TrunkTransport, UnifiedCm};

use crate::site::{Plan, Site};

/// The image line with these attributes.
fn image(port: u16, version: u32, attributes: &str) -> String {
    format!(
        "v=0\r\no=CiscoSystemsSIP-GW-UserAgent 5187 {version} IN IP4 127.0.0.1\r\ns=SIP Call\r\nt=0 0\r\n\
         m=image {port} udptl t38\r\nc=IN IP4 127.0.0.1\r\n{attributes}"
    )
}

/// As the guide's gateway writes them: flags with `:0`.
const ALL: &str = "a=T38FaxVersion:0\r\na=T38MaxBitRate:7200\r\na=T38FaxFillBitRemoval:0\r\n\
                   a=T38FaxTranscodingMMR:0\r\na=T38FaxTranscodingJBIG:0\r\na=T38FaxRateManagement:transferredTCF\r\n\
                   a=T38FaxMaxBuffer:200\r\na=T38FaxMaxDatagram:72\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";

fn port(said: &Said) -> u16 {
    let rest = said.body.split("m=image ").nth(1).unwrap_or_else(|| panic!("no image: {said:?}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn flow_7_1_fax_passes_both_ways_and_there_is_no_way_back_to_audio() {
    let server = SipPhone::new(Ipv4Addr::LOCALHOST, "127.0.0.1:9".parse().unwrap());
    let more = format!(
        "dial-peer voice 5 voip\n destination-pattern 5...\n session protocol sipv2\n session target ipv4:{}\n \
         codec g711ulaw\n!\nvoice service voip\n allow-connections sip to sip\n!\n",
        server.address()
    );
    let mut site = Site::new(UnifiedCm::new(TrunkTransport::Tcp), Plan { more, ..Plan::default() });
    let mut server = server;
    server.set_gateway(site.gateway.sip());
    let mut call = site.cm.call("1001", "5100");
    let offer = site.answer();
    site.cm.send(&mut call, "INVITE", "Max-Forwards: 6\r\n", offer);
    let invite = server.asked("INVITE");
    let answer = server.sdp("0", "");
    server.reply(&invite, 200, "", &answer);
    server.asked("ACK");
    site.cm.gets(&mut call, "100");
    site.cm.gets(&mut call, "200*");
    site.cm.send(&mut call, "ACK", "", "");
    // The server has heard a fax and wants T.38; the Unified CM's gateway agrees without one attribute.
    let file = |name: &str| site.gateway.scratch().join(name);
    let (sent, got) = (file("sent.tif"), file("got.tif"));
    let (mut sends, mut receives) = (FaxEnd::send(&sent), FaxEnd::receive(&got));
    server.request("INVITE", "", image(receives.port(), 2, ALL));
    let asked = site.cm.gets(&mut call, "INVITE*");
    for line in
        ["m=image ", "a=T38FaxVersion:0", "a=T38MaxBitRate:7200", "a=T38FaxRateManagement:transferredTCF"]
    {
        assert!(asked.body.contains(line), "{line}: {asked:?}");
    }
    site.cm.reply(&call, &asked, 100, "", "");
    site.cm.reply(&call, &asked, 200, "", &image(sends.port(), 7, ""));
    site.cm.gets(&mut call, "ACK");
    let agreed = server.response("INVITE", 200);
    server.request("ACK", "", "");
    sends.begin(port(&asked));
    receives.begin(port(&agreed));
    let (sent, got) = (sends.result(), receives.result());
    assert!(sent.starts_with("0 pages 1 rows 120 "), "{sent}");
    assert_eq!(sent, got, "the page came as it went");
    // Back to audio: refused, and then something else on the same transaction. The call stands until somebody ends it.
    let audio = server.sdp("0", "");
    server.request("INVITE", "", &audio);
    let back = site.cm.gets(&mut call, "INVITE*");
    site.cm.reply(&call, &back, 100, "", "");
    site.cm.reply(&call, &back, 415, "", "");
    let inactive = site.cm.hold();
    site.cm.reply(&call, &back, 200, "", &inactive);
    site.cm.gets(&mut call, "ACK");
    site.cm.send(&mut call, "BYE", "Reason: Q.850;cause=47\r\n", "");
    site.cm.gets(&mut call, "200");
    let bye = server.asked("BYE");
    assert!(bye.header("Reason").contains("Q.850;cause=47"), "{bye:?}");
    server.reply(&bye, 200, "", "");
    assert_eq!(
        site.cm.ladder(),
        "→INVITE* ←100 ←200* →ACK ←INVITE* →100 →200* ←ACK ←INVITE* →100 →415 →200* ←ACK →BYE ←200"
    );
    site.ended(47);
}
