#![allow(clippy::unwrap_used)]

use super::*;

fn log(config: &str) -> Log {
    let mut log = Log::default();
    log.configure(&Config::parse(config).config);
    log
}

fn lines(log: &mut Log) -> Vec<String> {
    std::iter::from_fn(|| log.poll_output())
        .filter_map(|output| match output {
            LogOutput::Line { text, .. } => Some(text),
            LogOutput::Open { .. } | LogOutput::Close { .. } => None,
        })
        .collect()
}

#[test]
fn the_buffer_holds_octets_and_the_oldest_line_goes_first() {
    let (mut log, now) = (log("logging buffered 4096 warnings\n"), Instant::now());
    for n in 0..100 {
        log.take(now, 4, false, &format!("{n:>99}"));
    }
    log.take(now, 5, false, "not severe enough");
    let shown = log.show();
    let kept = shown.lines().filter(|l| l.len() == 99).count();
    assert_eq!(kept, 40, "4096 octets are 40 lines of 100");
    assert!(shown.ends_with(&format!("{:>99}\n", 99)) && !shown.contains("not severe"));
    assert!(shown.contains("Buffer logging:  level warnings, 100 messages logged"), "{shown}");
    log.clear();
    assert!(log.show().ends_with("Log Buffer (4096 bytes):\n\n"));
    log.configure(&Config::parse("no logging buffered\n").config);
    log.take(now, 0, false, "nowhere");
    assert!(!log.show().contains("Log Buffer") && !log.show().contains("nowhere"));
}

#[test]
fn a_host_gets_what_is_severe_enough_with_priority_and_number() {
    let (mut log, now) = (log("logging host 192.0.2.9\n"), Instant::now());
    assert!(log.take(now, 5, false, "Nov 21 09:30:00.000: %SYS-5-CONFIG_I: Configured"));
    assert!(log.take(now, 7, true, "Nov 21 09:30:00.000: debug"));
    log.take(now, 0, false, "%A-0-B: worst");
    // 23 * 8 + 5, as RFC 3164 4.1.1 counts
    assert_eq!(
        lines(&mut log),
        ["<189>1: Nov 21 09:30:00.000: %SYS-5-CONFIG_I: Configured", "<184>2: %A-0-B: worst"]
    );
    let text = "hostname Branch\nlogging trap debugging\nlogging facility local0\nlogging origin-id hostname\n\
                no logging message-counter syslog\nlogging host 192.0.2.9 sequence-num-session\n";
    log.configure(&Config::parse(text).config);
    log.take(now, 7, true, "Sent: \nNOTIFY sip:x\n\n");
    let wanted = [
        "<135>: Branch: [syslog@9 s_sn=\"1\"]: Sent: ",
        "<135>: Branch: [syslog@9 s_sn=\"2\"]: NOTIFY sip:x",
    ];
    assert_eq!(lines(&mut log), wanted);
    log.take(now, 3, false, &"ü".repeat(2000));
    assert!(lines(&mut log).iter().all(|l| l.len() <= 1024));
    log.configure(&Config::parse("logging host 192.0.2.9\nno logging on\n").config);
    log.take(now, 0, false, "x");
    assert_eq!(lines(&mut log), <[String; 0]>::default());
}

#[test]
fn hosts_that_stay_are_not_touched() {
    let mut log = log("logging host 192.0.2.1\nlogging host 192.0.2.2\n");
    let kinds = |log: &mut Log| -> Vec<String> {
        std::iter::from_fn(|| log.poll_output())
            .map(|output| match output {
                LogOutput::Open { id, host, .. } => format!("open {id} {}", host.host),
                LogOutput::Close { id } => format!("close {id}"),
                LogOutput::Line { .. } => String::new(),
            })
            .collect()
    };
    assert_eq!(kinds(&mut log), ["open 1 192.0.2.1", "open 2 192.0.2.2"]);
    let said = log
        .configure(&Config::parse("logging host 192.0.2.2\nlogging host 192.0.2.3 transport tcp\n").config);
    assert_eq!(kinds(&mut log), ["close 1", "open 3 192.0.2.3"]);
    assert_eq!(
        said.iter().map(|line| line.text()).collect::<Vec<_>>(),
        [
            "%SYS-6-LOGGINGHOST_STARTSTOP: Logging to host 192.0.2.1 port 514 stopped - CLI initiated",
            "%SYS-6-LOGGINGHOST_STARTSTOP: Logging to host 192.0.2.3 port 601 started - CLI initiated",
        ]
    );
    let text = "interface Loopback0\n ip address 127.0.0.2 255.255.255.255\nlogging source-interface Loopback0\n\
                logging origin-id ip\nlogging host 192.0.2.2\n";
    log.configure(&Config::parse(text).config);
    let open = std::iter::from_fn(|| log.poll_output()).find_map(|o| match o {
        LogOutput::Open { source, .. } => source,
        _ => None,
    });
    assert_eq!(open, Some("127.0.0.2".parse().unwrap()), "another source is another socket");
    log.take(Instant::now(), 1, false, "x");
    assert_eq!(lines(&mut log), ["<185>1: 127.0.0.2: x"]);
}

#[test]
fn more_than_the_rate_is_held_back_but_for_the_worst() {
    let (mut log, now) = (log("logging rate-limit 2 except errors\n"), Instant::now());
    let taken = |log: &mut Log, now| (0..5).filter(|_| log.take(now, 5, false, "x")).count();
    assert_eq!(taken(&mut log, now), 2);
    assert!(log.take(now, 3, false, "an error"), "errors are excepted");
    assert!(log.take(now, 7, true, "debug"), "debug output is not limited without `all`");
    assert_eq!(taken(&mut log, now + SECOND), 2, "a new second");
    assert!(log.show().contains("6 messages rate-limited"), "{}", log.show());
    log.configure(&Config::parse("logging rate-limit console all 1\n").config);
    let later = now + 5 * SECOND;
    assert!(log.take(later, 7, true, "shown"));
    assert!(!log.take(later, 7, true, "kept from terminals"));
    assert!(log.show().ends_with("shown\nkept from terminals\n"));
}
