#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn a_call_reads_as_in_the_ios_sample() {
    // ../shared/corpus/ios-show/debug_isdn_q931.txt, with the bearer line the sample leaves out.
    let setup = unhex("08026141 05 04038090A3 1803A98381 6C0901813535353031353 6 700681 3130303836");
    let wanted = "TX -> SETUP pd = 8  callref = 0x6141 
        Bearer Capability i = 0x8090A3 
                Standard = CCITT 
                Transfer Capability = Speech  
                Transfer Mode = Circuit 
                Transfer Rate = 64 kbit/s 
        Channel ID i = 0xA98381 
                Exclusive, Channel 1 
        Calling Party Number i = 0x0181, '5550156' 
                Plan:ISDN, Type:Unknown 
        Called Party Number i = 0x81, '10086' 
                Plan:ISDN, Type:Unknown ";
    assert_eq!(q931(&setup, true).join("\n"), wanted);
    let alerting = unhex("0802E141 01 1E028281 1E028288");
    let wanted = "RX <- ALERTING pd = 8  callref = 0xE141 
        Progress Ind i = 0x8281 - Call not end-to-end ISDN, may have in-band info  
        Progress Ind i = 0x8288 - In-band info or appropriate now available ";
    assert_eq!(q931(&alerting, false).join("\n"), wanted);
    assert_eq!(q931(&unhex("0802E141 0D 1803A98381"), false)[0], "RX <- SETUP_ACK pd = 8  callref = 0xE141 ");
}

#[test]
fn message_waiting_is_opened_up_to_its_last_argument() {
    let setup = unhex(
        "080200010504 02a8801801ac1c569faa068001008201008b0100a148020203e9020150303fa5090a01041204343731310a0101
         a10ba5090a0104120438303030830103a40ba5090a0104120432303031180f32303236303130323033303430355a850104
         6c060080383030307005803437 3131a1",
    );
    let wanted = "TX -> SETUP pd = 8  callref = 0x0001 
        Bearer Capability i = 0xA880 
                Standard = ISO/IEC 
                Transfer Capability = Unrestricted Digital  
                Transfer Mode = Circuit 
                Transfer Rate = None, call independent signalling connection 
        Channel ID i = 0xAC 
                Exclusive, D-channel, no B-channel 
        Facility i = 0x9FAA068001008201008B0100A148020203E9020150303FA5090A01041204343731310A0101A10BA5090A0104120438303030830103A40BA5090A0104120432303031180F32303236303130323033303430355A850104 
                Protocol Profile = Networking Extensions 
                NFE = 0xAA06800100820100 - end PINX to end PINX 
                Interpretation = 0 - discard anything unrecognised 
                Component = Invoke component 
                        Invoke Id = 1001 
                        Operation = mWIActivate (80) 
                                Served User = '4711' Plan:Private, Type:Level 0 Regional 
                                Basic Service = speech (1) 
                                Message Centre = '8000' Plan:Private, Type:Level 0 Regional 
                                Number of Messages = 3 
                                Originating Number = '2001' Plan:Private, Type:Level 0 Regional 
                                Timestamp = 20260102030405Z 
                                Priority = 4 
        Calling Party Number i = 0x0080, '8000' 
                Plan:Unknown, Type:Unknown 
        Called Party Number i = 0x80, '4711' 
                Plan:Unknown, Type:Unknown 
        Sending Complete ";
    assert_eq!(q931(&setup, true).join("\n"), wanted);
}

#[test]
fn answers_are_named() {
    let rows = |apdu: &str| {
        let body = unhex(&format!("9f{apdu}"));
        let head = [8, 2, 0x80, 1, 7, 0x1C, u8::try_from(body.len()).unwrap()];
        q931(&[&head[..], &body].concat(), false)
            .split_off(3)
            .iter()
            .map(|l| l.trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows("a30702020 3ea020106"),
        ["Component = Return Error component", "Invoke Id = 1002", "Error = invalidServedUserNr (6)"]
    );
    assert_eq!(
        rows("a406020101810101"),
        ["Component = Reject component", "Invoke Id = 1", "Invoke Problem = unrecognizedOperation (1)"]
    );
    assert_eq!(
        rows("a20a02010130050201500500"),
        [
            "Component = Return Result component",
            "Invoke Id = 1",
            "Operation = mWIActivate (80)",
            "Result = NULL"
        ]
    );
    assert_eq!(
        rows(
            "a20d 020101 30080201523003 0a0101"
                .replace("30080201523003", "300a02015230053003")
                .replace("a20d", "a20f")
                .as_str()
        ),
        [
            "Component = Return Result component",
            "Invoke Id = 1",
            "Operation = mWIInterrogate (82)",
            "Basic Service = speech (1)"
        ]
    );
    assert_eq!(
        rows("a10d0201010201008005416c696365"),
        [
            "Component = Invoke component",
            "Invoke Id = 1",
            "Operation = callingName (0)",
            "Name Presentation Allowed Simple",
            "Name = Alice"
        ]
    );
    assert_eq!(
        rows("a121020101020115301902010 10a0103a108a006800432303035a30780054361726f6c"),
        [
            "Component = Invoke component",
            "Invoke Id = 1",
            "Operation = divertingLegInformation2 (21)",
            "Diversion Counter = 1",
            "Diversion Reason = NoReply",
            "Diverting Number = '2005'",
            "Redirecting Name = Carol"
        ]
    );
    assert_eq!(
        rows("a11c02010202010c30140a0100a0098004323030390a01038004446f7261"),
        [
            "Component = Invoke component",
            "Invoke Id = 2",
            "Operation = callTransferComplete (12)",
            "End Designation = primaryEnd",
            "Call Status = answered",
            "Redirection Number = '2009'",
            "Redirection Name = Dora"
        ]
    );
    // A name cannot write control characters into a terminal.
    assert_eq!(rows("a10a020101020100 80021b63").last().map(String::as_str), Some("Name = .c"));
    assert_eq!(rows("a103ff"), ["0xA103FF - not decoded"]);
}

#[test]
fn frames_read_as_in_debug_isdn_q921() {
    for (frame, line) in [
        ("02017f", "TX -> SABMEp sapi=0 tei=0"),
        ("000173", "TX -> UAf sapi=0 tei=0"),
        ("00010102", "TX -> RR sapi=0 tei=0 nr=1"),
        ("02010101", "TX -> RRp sapi=0 tei=0 nr=0"),
        ("02010900", "TX -> REJ sapi=0 tei=0 nr=0"),
        ("0201020455", "TX -> INFO sapi=0 tei=0, ns=1 nr=2"),
        ("0201", "TX -> BAD FRAME(0201) frame of 2 octets, expected at least 3 (4 for a numbered frame)"),
    ] {
        assert_eq!(q921(&unhex(frame), true), line);
    }
    let final_rr = unhex("00010101");
    assert_eq!(q921_from(&final_rr, false, Some(crate::Side::Network)), "RX <- RRf sapi=0 tei=0 nr=0");
}

#[test]
fn cut_off_and_unknown_elements_are_shown_as_octets() {
    let lines = q931(&unhex("08020001 62 96 3201 81 9d 3101 05 5501aa 1c05 9f"), false);
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    assert_eq!(
        lines[1..],
        [
            "Locking Shift to Codeset 6",
            "Codeset 6 IE 0x32  i = 0x81",
            "Non-Locking Shift to Codeset 5",
            "Codeset 5 IE 0x31  i = 0x05",
            "Codeset 6 IE 0x55  i = 0xAA",
            "(the last element runs past the end of the message)"
        ]
    );
    assert_eq!(
        q931(&[9, 0], false),
        ["RX <- BAD MESSAGE 0x0900 - protocol discriminator 0x09, expected 0x08 "]
    );
}
