//! Which addresses are out in the public internet. Pure and complete: every address has exactly one class, and what
//! no list names is not public.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6. An IPv6 form that carries an IPv4 address
//! inside is refused as such, whatever is inside: no receiver needs one, and each is a way around a check of IPv4.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Public,
    Unspecified,
    /// 0.0.0.0/8.
    ThisNetwork,
    Loopback,
    Private,
    LinkLocal,
    /// 100.64.0.0/10, between a provider and its customers; overlay networks use it as well.
    Shared,
    /// Kept for protocols themselves: 192.0.0.0/24, 2001::/23.
    Protocol,
    Benchmarking,
    Documentation,
    Multicast,
    Broadcast,
    /// fc00::/7.
    UniqueLocal,
    SiteLocal,
    /// An IPv4 address in IPv6 clothes: mapped, compatible, translated, 6to4, NAT64, Teredo, ISATAP.
    Embedded,
    Reserved,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Unspecified => "unspecified",
            Self::ThisNetwork => "this-network",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "shared (carrier-grade NAT)",
            Self::Protocol => "protocol",
            Self::Benchmarking => "benchmarking",
            Self::Documentation => "documentation",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::UniqueLocal => "unique-local",
            Self::SiteLocal => "site-local",
            Self::Embedded => "IPv4-in-IPv6",
            Self::Reserved => "reserved",
        })
    }
}

impl Class {
    /// Whether a receiver that its operator declared to be inside may be here. The link-local addresses are not
    /// among them: clouds keep their metadata there.
    #[must_use]
    pub const fn is_inside(self) -> bool {
        match self {
            Self::Loopback | Self::Private | Self::Shared | Self::UniqueLocal => true,
            Self::Public
            | Self::Unspecified
            | Self::ThisNetwork
            | Self::LinkLocal
            | Self::Protocol
            | Self::Benchmarking
            | Self::Documentation
            | Self::Multicast
            | Self::Broadcast
            | Self::SiteLocal
            | Self::Embedded
            | Self::Reserved => false,
        }
    }
}

#[must_use]
pub fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

const fn classify_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [0, 0, 0, 0] => Class::Unspecified,
        [0, ..] => Class::ThisNetwork,
        [127, ..] => Class::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [169, 254, ..] => Class::LinkLocal,
        [100, 64..=127, ..] => Class::Shared,
        [192, 0, 0, _] => Class::Protocol,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        // The anycast relay of 6to4.
        [192, 88, 99, _] => Class::Embedded,
        [198, 18..=19, ..] => Class::Benchmarking,
        [224..=239, ..] => Class::Multicast,
        [255, 255, 255, 255] => Class::Broadcast,
        [240..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

const fn classify_v6(address: Ipv6Addr) -> Class {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        // Compatible, mapped, translated (SIIT); NAT64, well-known and local.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..]
        // ISATAP, under any prefix, with and without the bit for a globally unique IPv4 address.
        | [_, _, _, _, 0 | 0x200, 0x5efe, ..]
        // Teredo and 6to4.
        | [0x2001, 0, ..]
        | [0x2002, ..] => Class::Embedded,
        [0x2001, 2, 0, ..] => Class::Benchmarking,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Documentation,
        [0x2001, 0..=0x1ff, ..] => Class::Protocol,
        [0xfc00..=0xfdff, ..] => Class::UniqueLocal,
        [0xfe80..=0xfebf, ..] => Class::LinkLocal,
        [0xfec0..=0xfeff, ..] => Class::SiteLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        // All that was ever given out to be reached from everywhere.
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(&str, Class)] = &[
        ("8.8.8.8", Class::Public),
        ("9.255.255.255", Class::Public),
        ("11.0.0.0", Class::Public),
        ("100.63.255.255", Class::Public),
        ("100.128.0.0", Class::Public),
        ("126.255.255.255", Class::Public),
        ("128.0.0.0", Class::Public),
        ("169.253.255.255", Class::Public),
        ("169.255.0.0", Class::Public),
        ("172.15.255.255", Class::Public),
        ("172.32.0.0", Class::Public),
        ("192.0.1.0", Class::Public),
        ("192.167.255.255", Class::Public),
        ("192.169.0.0", Class::Public),
        ("198.17.255.255", Class::Public),
        ("198.20.0.0", Class::Public),
        ("223.255.255.255", Class::Public),
        ("0.0.0.0", Class::Unspecified),
        ("0.0.0.1", Class::ThisNetwork),
        ("0.255.255.255", Class::ThisNetwork),
        ("127.0.0.1", Class::Loopback),
        ("127.255.255.255", Class::Loopback),
        ("10.0.0.0", Class::Private),
        ("10.255.255.255", Class::Private),
        ("172.16.0.0", Class::Private),
        ("172.31.255.255", Class::Private),
        ("192.168.0.0", Class::Private),
        ("192.168.255.255", Class::Private),
        ("169.254.0.0", Class::LinkLocal),
        ("169.254.169.254", Class::LinkLocal),
        ("100.64.0.0", Class::Shared),
        ("100.127.255.255", Class::Shared),
        ("192.0.0.0", Class::Protocol),
        ("192.0.0.170", Class::Protocol),
        ("192.0.2.1", Class::Documentation),
        ("198.51.100.1", Class::Documentation),
        ("203.0.113.1", Class::Documentation),
        ("192.88.99.1", Class::Embedded),
        ("198.18.0.0", Class::Benchmarking),
        ("198.19.255.255", Class::Benchmarking),
        ("224.0.0.1", Class::Multicast),
        ("239.255.255.255", Class::Multicast),
        ("240.0.0.0", Class::Reserved),
        ("255.255.255.254", Class::Reserved),
        ("255.255.255.255", Class::Broadcast),
        ("2606:4700:4700::1111", Class::Public),
        ("2a00:1450::1", Class::Public),
        ("2001:200::1", Class::Public),
        ("3ffe::1", Class::Public),
        ("3fff:1000::1", Class::Public),
        ("::", Class::Unspecified),
        ("::1", Class::Loopback),
        ("::2", Class::Embedded),
        ("::127.0.0.1", Class::Embedded),
        ("::8.8.8.8", Class::Embedded),
        ("::ffff:127.0.0.1", Class::Embedded),
        ("::ffff:8.8.8.8", Class::Embedded),
        ("::ffff:0:127.0.0.1", Class::Embedded),
        ("64:ff9b::8.8.8.8", Class::Embedded),
        ("64:ff9b::10.0.0.1", Class::Embedded),
        ("64:ff9b:1::a00:1", Class::Embedded),
        ("64:ff9b:2::1", Class::Reserved),
        ("2001::1", Class::Embedded),
        ("2001:0:ffff::1", Class::Embedded),
        ("2002:7f00:1::", Class::Embedded),
        ("2606:4700::5efe:10.0.0.1", Class::Embedded),
        ("2606:4700::200:5efe:8.8.8.8", Class::Embedded),
        ("fe80::5efe:10.0.0.1", Class::Embedded),
        ("2001:2::1", Class::Benchmarking),
        ("2001:2:1::1", Class::Protocol),
        ("2001:10::1", Class::Protocol),
        ("2001:1ff::1", Class::Protocol),
        ("2001:db8::1", Class::Documentation),
        ("3fff::1", Class::Documentation),
        ("3fff:fff:ffff::1", Class::Documentation),
        ("fc00::1", Class::UniqueLocal),
        ("fdff:ffff::1", Class::UniqueLocal),
        ("fe80::1", Class::LinkLocal),
        ("febf::1", Class::LinkLocal),
        ("fec0::1", Class::SiteLocal),
        ("feff::1", Class::SiteLocal),
        ("ff02::1", Class::Multicast),
        ("100::1", Class::Reserved),
        ("5f00::1", Class::Reserved),
        ("1fff::1", Class::Reserved),
        ("4000::1", Class::Reserved),
        ("fe00::1", Class::Reserved),
    ];

    #[test]
    fn every_address_has_the_class_of_its_registry() {
        for (text, class) in TABLE {
            assert_eq!(classify(text.parse().unwrap()), *class, "{text}");
        }
    }

    #[test]
    fn an_operator_can_declare_the_house_but_not_the_metadata_of_a_cloud() {
        for (text, inside) in
            [("127.0.0.1", true), ("192.168.1.4", true), ("100.100.1.1", true), ("fd00::1", true), ("::1", true)]
                .into_iter()
                .chain([("169.254.169.254", false), ("fe80::1", false), ("0.0.0.0", false), ("::ffff:10.0.0.1", false)])
        {
            assert_eq!(classify(text.parse().unwrap()).is_inside(), inside, "{text}");
        }
    }
}
