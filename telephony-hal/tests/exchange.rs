//! Whole calls between simulated telephones through the example exchange, in paused time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use telephony_hal::sim::{Phone, Plant};
use tokio::time::sleep;

#[allow(dead_code, unreachable_pub)]
#[path = "../examples/exchange.rs"]
mod exchange;

fn town(count: usize) -> Vec<Phone> {
    let plant = Plant::new();
    let exchange = exchange::Exchange::new(&plant, count);
    tokio::spawn(async move { exchange.run().await.unwrap() });
    plant.ports().iter().map(|port| plant.phone(port).unwrap()).collect()
}

async fn call(from: &Phone, number: &str) {
    from.off_hook().unwrap();
    sleep(Duration::from_secs(1)).await;
    from.pulse(number).await.unwrap();
}

/// What `to` hears while `from` says a second of something; both must be in conversation.
async fn say(from: &Phone, to: &Phone, level: i16) -> usize {
    to.capture_start();
    from.play(&vec![level; 8000]).unwrap();
    sleep(Duration::from_millis(1500)).await;
    to.capture_stop().iter().filter(|sample| **sample == level).count()
}

#[tokio::test(start_paused = true)]
async fn two_telephones_talk_and_hang_up() {
    let phones = town(4);
    let (a, b) = (&phones[0], &phones[1]);
    call(a, "21").await;
    assert!(b.status().ringing && b.status().rings == 1);
    sleep(Duration::from_secs(7)).await;
    assert_eq!(b.status().rings, 2);
    b.off_hook().unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(a.status().polarity, "reversed", "answer supervision toward the caller");
    assert_eq!(say(a, b, 1000).await, 8000);
    assert_eq!(say(b, a, -2000).await, 8000);
    // A third one finds both busy.
    call(&phones[2], "21").await;
    assert!(!b.status().ringing);
    // A short flash is no release.
    a.flash(Duration::from_millis(300)).await.unwrap();
    assert_eq!(say(b, a, 3000).await, 8000);
    b.on_hook().unwrap();
    sleep(Duration::from_millis(1010)).await;
    assert!(!a.status().battery, "power denial when the far end hangs up");
    sleep(Duration::from_millis(400)).await;
    let status = a.status();
    assert!(status.battery && status.polarity == "normal");
    a.on_hook().unwrap();
    phones[2].on_hook().unwrap();
    sleep(Duration::from_secs(2)).await;
    // And the other way round.
    call(b, "20").await;
    assert!(a.status().ringing);
    b.on_hook().unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(!a.status().ringing, "the caller gave up");
}

#[tokio::test(start_paused = true)]
async fn nobody_answers_and_wrong_numbers_end() {
    let phones = town(3);
    call(&phones[0], "21").await;
    sleep(Duration::from_secs(179)).await;
    let rings = phones[1].status().rings;
    assert!((29..=31).contains(&rings), "{rings} rings in three minutes");
    sleep(Duration::from_secs(2)).await;
    assert!(!phones[1].status().ringing);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(phones[1].status().rings, rings);
    call(&phones[2], "29").await;
    sleep(Duration::from_secs(200)).await;
    phones.iter().for_each(|phone| phone.on_hook().unwrap());
}

#[tokio::test(start_paused = true)]
async fn every_telephone_of_the_town_in_a_call() {
    let phones = town(10);
    for pair in phones.chunks(2) {
        let number = pair[1].port().replace("2/", "2");
        call(&pair[0], &number).await;
    }
    for pair in phones.chunks(2) {
        pair[1].off_hook().unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    for (n, pair) in phones.chunks(2).enumerate() {
        assert_eq!(say(&pair[0], &pair[1], 500 + n as i16).await, 8000);
        assert_eq!(say(&pair[1], &pair[0], 600 + n as i16).await, 8000);
    }
}
