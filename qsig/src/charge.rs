//! Advice of charge (ECMA-212, ISO/IEC 15050): operations 61 aocFinal, 62 aocInterim, 63 aocRate, 59 chargeRequest, read and
//! written. They tell what a call costs, from the PINX next to the public network to the caller's.

use rasn::types::{Any, OctetString};
use rasn::{AsnType, Decode, Decoder as _, Encode};

use crate::facility::{Facility, Interpretation};
use crate::mwi::InvokeError;
use crate::party::{Enumerated, any, text};
use crate::q931::{Message, ie};
use crate::rose::{Component, Invoke, Problem};
use crate::service::{Operation, Service, argument};

/// What a peer tells about the cost of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// aocRate (63): the tariff; empty if it is not known. At most 10 items.
    Rate(Vec<Tariff>),
    /// aocInterim (62): the cost so far.
    Interim(Cost),
    /// aocFinal (61): the cost of the whole call, at its end.
    Final(Cost),
}

/// The cost of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Not known.
    NotAvailable,
    /// Nothing.
    Free,
    /// So much.
    Amount {
        /// How much.
        amount: Money,
        /// Special billing (reverse charging, credit card, forwarding, …): the value on the wire.
        billing: Option<u8>,
    },
}

/// An amount of money: `amount` × 10^(`multiplier`-3) of `currency`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Up to 10 letters, as the network names it.
    pub currency: String,
    /// 0..=16777215.
    pub amount: u32,
    /// 0 a thousandth, 1 a hundredth, 2 a tenth, 3 one, 4 ten, 5 a hundred, 6 a thousand.
    pub multiplier: u8,
}

impl Money {
    /// The amount in thousandths of the currency.
    pub fn thousandths(&self) -> u64 {
        u64::from(self.amount) * 10u64.pow(u32::from(self.multiplier.min(6)))
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = self.thousandths();
        write!(f, "{}.{:03} {}", all / 1000, all % 1000, self.currency)
    }
}

/// One item of a tariff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// What is charged: 0 basic communication, 1 attempt, 2 set-up, 3 user-to-user information, 4 supplementary service.
    pub item: u8,
    /// How.
    pub rate: Rate,
}

/// How an item is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// So much for each period.
    Duration {
        /// How much.
        amount: Money,
        /// True: each period begun costs; false: continuous.
        step: bool,
        /// Length of the period in hundredths of a second.
        period: u64,
    },
    /// Once.
    Flat(Money),
    /// By volume: 0 octet, 1 segment, 2 message.
    Volume(Money, u8),
    /// A code only the network knows, 1..=10.
    Special(i64),
    /// Nothing.
    Free,
    /// Not known.
    NotAvailable,
    /// Nothing from the beginning of the call.
    FreeFromBeginning,
}

impl Charge {
    /// The first charge information in a message's Facility elements.
    pub fn find(message: &Message) -> Option<Self> {
        message.all(ie::FACILITY).filter_map(|body| Facility::parse(body)).find_map(|facility| {
            facility.components().find_map(|component| match component {
                Component::Invoke(invoke) => Self::read(invoke)?.ok(),
                _ => None,
            })
        })
    }
}

#[derive(AsnType, Decode, Encode)]
#[rasn(delegate, tag(universal, 22))]
struct Currency(OctetString);

#[derive(AsnType, Decode, Encode)]
struct WireAmount {
    #[rasn(tag(context, 1))]
    amount: u32,
    #[rasn(tag(context, 2))]
    multiplier: Enumerated,
}

/// RecordedCurrency, FlatRateCurrency.
#[derive(AsnType, Decode, Encode)]
struct WireMoney {
    #[rasn(tag(context, 1))]
    currency: Currency,
    #[rasn(tag(context, 2))]
    amount: WireAmount,
}

#[derive(AsnType, Decode, Encode)]
struct WireTime {
    #[rasn(tag(context, 1))]
    length: u32,
    #[rasn(tag(context, 2))]
    scale: Enumerated,
}

#[derive(AsnType, Decode, Encode)]
struct WireDuration {
    #[rasn(tag(context, 1))]
    currency: Currency,
    #[rasn(tag(context, 2))]
    amount: WireAmount,
    #[rasn(tag(context, 3))]
    kind: Enumerated,
    #[rasn(tag(context, 4))]
    time: WireTime,
    #[rasn(tag(context, 5))]
    granularity: Option<WireTime>,
}

#[derive(AsnType, Decode, Encode)]
struct WireVolume {
    #[rasn(tag(context, 1))]
    currency: Currency,
    #[rasn(tag(context, 2))]
    amount: WireAmount,
    #[rasn(tag(context, 3))]
    unit: Enumerated,
}

#[derive(AsnType, Decode, Encode)]
#[rasn(choice)]
enum WireRate {
    #[rasn(tag(context, 1))]
    Duration(WireDuration),
    #[rasn(tag(context, 2))]
    Flat(WireMoney),
    #[rasn(tag(context, 3))]
    Volume(WireVolume),
    Special(i64),
    #[rasn(tag(context, 4))]
    Free(()),
    #[rasn(tag(context, 5))]
    NotAvailable(()),
    #[rasn(tag(context, 6))]
    FreeFromBeginning(()),
}

#[derive(AsnType, Decode, Encode)]
struct WireTariff {
    item: Enumerated,
    rate: WireRate,
}

#[derive(AsnType, Decode, Encode)]
#[rasn(choice)]
enum WireRates {
    NotAvailable(()),
    List(Vec<WireTariff>),
}

#[derive(AsnType, Decode, Encode)]
struct WireRateArgument {
    rate: WireRates,
    extension: Option<Any>,
}

#[derive(AsnType, Decode, Encode)]
struct WireSpecific {
    #[rasn(tag(context, 1))]
    money: WireMoney,
    #[rasn(tag(context, 2))]
    billing: Option<Enumerated>,
}

#[derive(AsnType, Decode, Encode)]
#[rasn(choice)]
enum WireCost {
    #[rasn(tag(context, 0))]
    NotAvailable(()),
    #[rasn(tag(context, 1))]
    Free(()),
    Specific(WireSpecific),
}

const MAX_TARIFF: usize = 10;
const MISTYPED: Problem = Problem::Invoke(2);

impl Service for Charge {
    fn read(invoke: &Invoke) -> Option<Result<Self, Problem>> {
        Some(match invoke.operation.value()? {
            63 => argument::<WireRateArgument>(invoke).and_then(|wire| match wire.rate {
                WireRates::NotAvailable(()) => Ok(Self::Rate(Vec::new())),
                WireRates::List(list) => {
                    let items = list.into_iter().take(MAX_TARIFF).map(tariff);
                    items.collect::<Option<_>>().map(Self::Rate).ok_or(MISTYPED)
                }
            }),
            // The charging association of aocFinal and extensions may follow.
            value @ (61 | 62) => argument::<Vec<Any>>(invoke)
                .and_then(|elements| elements.first().and_then(cost).ok_or(MISTYPED))
                .map(if value == 61 { Self::Final } else { Self::Interim }),
            _ => return None,
        })
    }

    fn operation(&self) -> Result<Operation, InvokeError> {
        let (operation, argument) = match self {
            Self::Rate(list) if list.is_empty() => {
                (63, any(&WireRateArgument { rate: WireRates::NotAvailable(()), extension: None }))
            }
            Self::Rate(list) => {
                let list = list.iter().take(MAX_TARIFF).map(write_tariff).collect::<Result<_, _>>()?;
                (63, any(&WireRateArgument { rate: WireRates::List(list), extension: None }))
            }
            Self::Interim(cost) => (62, any(&vec![write_cost(cost)?])),
            Self::Final(cost) => (61, any(&vec![write_cost(cost)?])),
        };
        Ok(Operation::new(operation, argument).or(Interpretation::Discard))
    }
}

fn cost(element: &Any) -> Option<Cost> {
    Some(match rasn::ber::decode::<WireCost>(element.as_bytes()).ok()? {
        WireCost::NotAvailable(()) => Cost::NotAvailable,
        WireCost::Free(()) => Cost::Free,
        WireCost::Specific(specific) => Cost::Amount {
            amount: money(specific.money.currency, specific.money.amount)?,
            billing: specific.billing.map(|billing| billing.0),
        },
    })
}

fn write_cost(cost: &Cost) -> Result<Any, InvokeError> {
    Ok(any(&match cost {
        Cost::NotAvailable => WireCost::NotAvailable(()),
        Cost::Free => WireCost::Free(()),
        Cost::Amount { amount, billing } => {
            let (currency, amount) = write_money(amount)?;
            WireCost::Specific(WireSpecific {
                money: WireMoney { currency, amount },
                billing: billing.map(Enumerated),
            })
        }
    }))
}

fn money(currency: Currency, amount: WireAmount) -> Option<Money> {
    let currency = text(&currency.0)?;
    Some(Money { currency, amount: amount.amount, multiplier: amount.multiplier.0 })
        .filter(|money| money.multiplier <= 6)
}

fn write_money(money: &Money) -> Result<(Currency, WireAmount), InvokeError> {
    let fits = money.currency.len() <= 10 && money.currency.is_ascii();
    if !fits || money.amount > 0x00FF_FFFF || money.multiplier > 6 {
        let found = format!("{money:?}");
        let expected = "at most 10 letters, 0 to 16777215, 0 to 6";
        return Err(InvokeError::BadArgument { element: "amount", found, expected });
    }
    let currency = Currency(OctetString::from_slice(money.currency.as_bytes()));
    let amount = WireAmount { amount: money.amount, multiplier: Enumerated(money.multiplier) };
    Ok((currency, amount))
}

/// Hundredths of a second in each scale of Time.
const SCALES: [u64; 7] = [1, 10, 100, 1_000, 6_000, 360_000, 8_640_000];

fn tariff(wire: WireTariff) -> Option<Tariff> {
    let rate = match wire.rate {
        WireRate::Duration(wire) => Rate::Duration {
            amount: money(wire.currency, wire.amount)?,
            step: wire.kind.0 == 1,
            period: u64::from(wire.time.length) * SCALES.get(usize::from(wire.time.scale.0))?,
        },
        WireRate::Flat(wire) => Rate::Flat(money(wire.currency, wire.amount)?),
        WireRate::Volume(wire) => Rate::Volume(money(wire.currency, wire.amount)?, wire.unit.0),
        WireRate::Special(code) => Rate::Special(code),
        WireRate::Free(()) => Rate::Free,
        WireRate::NotAvailable(()) => Rate::NotAvailable,
        WireRate::FreeFromBeginning(()) => Rate::FreeFromBeginning,
    };
    Some(Tariff { item: wire.item.0, rate })
}

fn write_tariff(tariff: &Tariff) -> Result<WireTariff, InvokeError> {
    let rate = match &tariff.rate {
        Rate::Duration { amount, step, period } => {
            let (currency, amount) = write_money(amount)?;
            WireRate::Duration(WireDuration {
                currency,
                amount,
                kind: Enumerated(u8::from(*step)),
                time: time(*period)?,
                granularity: None,
            })
        }
        Rate::Flat(amount) => {
            let (currency, amount) = write_money(amount)?;
            WireRate::Flat(WireMoney { currency, amount })
        }
        Rate::Volume(amount, unit) => {
            let (currency, amount) = write_money(amount)?;
            WireRate::Volume(WireVolume { currency, amount, unit: Enumerated(*unit) })
        }
        Rate::Special(code) => WireRate::Special(*code),
        Rate::Free => WireRate::Free(()),
        Rate::NotAvailable => WireRate::NotAvailable(()),
        Rate::FreeFromBeginning => WireRate::FreeFromBeginning(()),
    };
    Ok(WireTariff { item: Enumerated(tariff.item), rate })
}

/// The finest scale in which the period fits 24 bits.
fn time(period: u64) -> Result<WireTime, InvokeError> {
    (0u8..)
        .zip(SCALES)
        .filter(|(_, unit)| period.is_multiple_of(*unit))
        .find_map(|(scale, unit)| {
            let length = u32::try_from(period / unit).ok().filter(|length| *length <= 0x00FF_FFFF)?;
            Some(WireTime { length, scale: Enumerated(scale) })
        })
        .ok_or_else(|| InvokeError::BadArgument {
            element: "time",
            found: period.to_string(),
            expected: "a period of at most 16777215 units of a scale",
        })
}
