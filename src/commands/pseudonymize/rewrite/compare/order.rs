//! Ranges, by the order that Elasticsearch has for a type.

use std::cmp::Ordering;
use std::net::IpAddr;

use super::{Holds, Kind};

/// Addresses of a network such as `10.0.0.0/8`; `None` for a text that is none.
pub(in super::super) fn network(text: &str) -> Option<Holds> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.parse().ok()?;
    let free = match address {
        IpAddr::V4(_) => 32_u32.checked_sub(length)?,
        IpAddr::V6(_) => 128_u32.checked_sub(length)?,
    };
    let begin = move |address: u128| address.checked_shr(free).unwrap_or(0);
    let wanted = begin(number(address));
    Some(Box::new(move |value| {
        value.parse().is_ok_and(|address| begin(number(address)) == wanted)
    }))
}

/// A bound of a range; true where it belongs to it.
pub(in super::super) type Bound = (String, bool);

/// Values between two bounds, by the order of their type; `None` where that cannot be told.
pub(in super::super) fn between(kind: Kind, low: Option<Bound>, high: Option<Bound>) -> Option<Holds> {
    let order = match kind {
        Kind::Keyword => Order::Bytes,
        Kind::Address => Order::Addresses,
        Kind::Number => Order::Numbers,
        Kind::Truth | Kind::Unknown | Kind::Other => return None,
    };
    for (bound, _) in low.iter().chain(&high) {
        order.compare(bound, bound)?;
    }
    let above = move |value: &str, (bound, itself): &Bound| match order.compare(value, bound) {
        Some(Ordering::Equal) => *itself,
        ordering => ordering == Some(Ordering::Greater),
    };
    let below = move |value: &str, (bound, itself): &Bound| match order.compare(value, bound) {
        Some(Ordering::Equal) => *itself,
        ordering => ordering == Some(Ordering::Less),
    };
    Some(Box::new(move |value| {
        low.as_ref().is_none_or(|bound| above(value, bound)) && high.as_ref().is_none_or(|bound| below(value, bound))
    }))
}

/// Numbers that are equal, however they are written; `None` for a text that is none.
pub(in super::super) fn same_number(text: &str) -> Option<Holds> {
    let text = text.to_owned();
    Order::Numbers.compare(&text, &text)?;
    Some(Box::new(move |value| {
        Order::Numbers.compare(value, &text) == Some(Ordering::Equal)
    }))
}

#[derive(Clone, Copy)]
enum Order {
    Bytes,
    Addresses,
    Numbers,
}

impl Order {
    fn compare(self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Bytes => Some(a.cmp(b)),
            Self::Addresses => Some(number(a.parse().ok()?).cmp(&number(b.parse().ok()?))),
            Self::Numbers => match (a.parse::<i128>(), b.parse::<i128>()) {
                (Ok(a), Ok(b)) => Some(a.cmp(&b)),
                _ => a.parse::<f64>().ok()?.partial_cmp(&b.parse().ok()?),
            },
        }
    }
}

/// Both versions are of one kind to Elasticsearch.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => four.to_ipv6_mapped().to_bits(),
        IpAddr::V6(six) => six.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn networks_take_in_their_addresses() {
        let ten = network("10.0.0.0/8").unwrap();
        assert!(ten("10.1.2.3") && !ten("11.1.2.3") && !ten("a") && !ten("::a01:203"));
        let documentation = network("2001:db8::/32").unwrap();
        assert!(documentation("2001:db8:1::1") && !documentation("2001:db9::1"));
        assert!(network("::/0").unwrap()("1.2.3.4"));
        for none in ["10.0.0.0", "10.0.0.0/33", "a/8", "/"] {
            assert!(network(none).is_none(), "{none}");
        }
    }

    #[test]
    fn ranges_go_by_the_order_of_the_type() {
        let bound = |text: &str, itself| Some((text.to_owned(), itself));
        let letters = between(Kind::Keyword, bound("b", true), bound("d", false)).unwrap();
        assert!(letters("b") && letters("cz") && !letters("d") && !letters("a") && !letters("B"));
        let numbers = between(Kind::Number, bound("9", false), bound("200", true)).unwrap();
        assert!(numbers("10") && numbers("200") && numbers("9.5") && !numbers("9") && !numbers("x"));
        let addresses = between(Kind::Address, bound("9.0.0.0", true), bound("10.0.0.0", true)).unwrap();
        assert!(addresses("9.9.9.9") && addresses("10.0.0.0") && !addresses("10.0.0.1") && !addresses("::1"));
        assert!(between(Kind::Keyword, None, None).unwrap()("x"));
        for (kind, low) in [
            (Kind::Other, "now-1d"),
            (Kind::Unknown, "a"),
            (Kind::Address, "10.0.0.0/8"),
            (Kind::Number, "now"),
        ] {
            assert!(between(kind, bound(low, true), None).is_none(), "{kind:?}");
        }
        assert!(same_number("1.0").unwrap()("1") && !same_number("1").unwrap()("10") && same_number("x").is_none());
        assert!(!same_number("9007199254740993").unwrap()("9007199254740992"));
    }
}
