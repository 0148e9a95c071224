//! The drive loop over real sockets on the loopback: what a daemon does with `Net` and `Endpoint`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use sip::net::{Net, NetConfig, NetEvent};
use sip::{Endpoint, EndpointConfig, Event, Flow, Message, Method, Reply, RequestBuilder, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

const MWI: &[u8] = include_bytes!("../testdata/cucm/mwi-notify.sip");

struct Agent {
    net: Net,
    events: mpsc::Receiver<NetEvent>,
    endpoint: Endpoint,
}

impl Agent {
    async fn new() -> Agent {
        let any = "127.0.0.1:0".parse().unwrap();
        let config = NetConfig { udp: vec![any], tcp: vec![any], ..NetConfig::default() };
        let (net, events) = Net::bind(config).await.unwrap();
        let config =
            EndpointConfig { allow_events: vec!["message-summary".into()], ..EndpointConfig::default() };
        Agent { net, events, endpoint: Endpoint::new(config, [4; 32]) }
    }

    /// Runs until an event is not a request, or for ten seconds; requests are answered with 200.
    async fn run(&mut self) -> Event {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    Event::Request { id, .. } => {
                        self.endpoint.respond(Instant::now(), id, Reply::new(200)).unwrap();
                    }
                    other => return other,
                }
            }
            while let Some(transmit) = self.endpoint.poll_transmit() {
                self.net.send(transmit);
            }
            assert!(Instant::now() < end, "nothing happened");
            let wake = self.endpoint.poll_timeout().unwrap_or(end).min(end);
            match tokio::time::timeout_at(wake.into(), self.events.recv()).await {
                Ok(Some(NetEvent::Received { flow, data })) => {
                    self.endpoint.handle_received(Instant::now(), flow, data);
                }
                Ok(Some(NetEvent::Closed { flow } | NetEvent::SendFailed { flow })) => {
                    self.endpoint.handle_transport_error(Instant::now(), &flow);
                }
                Ok(Some(_)) => {}
                Ok(None) => panic!("the sockets are gone"),
                Err(_) => self.endpoint.handle_timeout(Instant::now()),
            }
        }
    }
}

#[tokio::test]
async fn a_voice_mail_without_branch_is_answered_on_udp_and_tcp() {
    let mut agent = Agent::new().await;
    let (udp, tcp) = (agent.net.udp_addrs()[0], agent.net.tcp_addrs()[0]);
    let serving = tokio::spawn(async move { agent.run().await });

    // Its Via has neither branch nor rport, so the answer comes to the port in the Via.
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let own = socket.local_addr().unwrap();
    // Call-IDs of their own: with the same one the request on TCP would be the one on UDP come another way (482).
    let mwi = |call: &str| {
        String::from_utf8(MWI.to_vec()).unwrap().replace("Call-ID: 1-", &format!("Call-ID: {call}-"))
    };
    let notify = mwi("1").replace("TCP 10.10.200.227:5060", &format!("UDP {own}"));
    let mut buffer = [0; 2048];
    for _ in 0..2 {
        socket.send_to(notify.as_bytes(), udp).await.unwrap();
        let len = timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await.unwrap().unwrap();
        let answer = Message::parse(buffer[..len].to_vec().into()).unwrap();
        assert_eq!(answer.status().unwrap(), 200);
        assert!(answer.to().unwrap().tag().is_some());
    }

    let mut stream = TcpStream::connect(tcp).await.unwrap();
    // Two at once, torn in the middle.
    let both = [mwi("2"), mwi("3")].concat().into_bytes();
    stream.write_all(&both[..both.len() / 2 + 40]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    stream.write_all(&both[both.len() / 2 + 40..]).await.unwrap();
    let mut framer = sip::stream::StreamFramer::new(&sip::Limits::default());
    let mut answers = 0;
    while answers < 2 {
        let len = timeout(Duration::from_secs(10), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(len > 0);
        framer.feed(&buffer[..len]);
        while let Some(message) = framer.next() {
            assert_eq!(Message::parse(message.unwrap()).unwrap().status().unwrap(), 200);
            answers += 1;
        }
    }
    serving.abort();
}

#[tokio::test]
async fn requests_between_two_agents_and_to_nobody() {
    let mut server = Agent::new().await;
    let (udp, tcp) = (server.net.udp_addrs()[0], server.net.tcp_addrs()[0]);
    let serving = tokio::spawn(async move { server.run().await });
    let mut client = Agent::new().await;
    for (transport, remote) in [(Transport::Udp, udp), (Transport::Tcp, tcp)] {
        let local = match transport {
            Transport::Udp => client.net.udp_addrs()[0],
            _ => client.net.tcp_addrs()[0],
        };
        let flow = Flow { transport, local, remote, connection: None };
        let request = RequestBuilder::new(Method::Options, "sip:127.0.0.1");
        let id = client.endpoint.request(Instant::now(), flow, request);
        match client.run().await {
            Event::Response { id: answered, response, .. } => {
                assert_eq!((answered, response.status().unwrap().as_u16()), (id, 200));
            }
            other => panic!("{other:?}"),
        }
    }
    serving.abort();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flow =
        Flow { transport: Transport::Tcp, local: client.net.tcp_addrs()[0], remote: gone, connection: None };
    let request = RequestBuilder::new(Method::Options, "sip:127.0.0.1");
    let id = client.endpoint.request(Instant::now(), flow, request);
    match client.run().await {
        Event::TransportFailed { id: failed } => assert_eq!(failed, id),
        other => panic!("{other:?}"),
    }
}
