use std::net::IpAddr;

/// What this host can be reached under, for the certificate of a server on it: its name,
/// `localhost`, the loopback addresses, and the address that is listened on. Where that is any, it
/// is each of them.
pub fn host_names(listen: Option<IpAddr>) -> Vec<String> {
    let uname = rustix::system::uname();
    let own = uname.nodename().to_string_lossy().into_owned();
    let listen = listen.map(reachable).unwrap_or_default();
    let mut names = Vec::new();
    let fixed = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    for name in [own]
        .into_iter()
        .chain(fixed)
        .chain(listen.iter().map(IpAddr::to_string))
    {
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The addresses at which somebody who listens there is found by others. Those that only mean
/// something on one link are not among them.
fn reachable(listen: IpAddr) -> Vec<IpAddr> {
    if !listen.is_unspecified() {
        return vec![listen];
    }
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let wide = found.iter().filter(|one| !one.is_link_local());
    let addresses = wide.map(if_addrs::Interface::ip);
    addresses
        .filter(|address| listen.is_ipv6() || address.is_ipv4())
        .collect()
}

/// A host may be called anything; a certificate takes ASCII without blanks.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_by_its_name_loopback_and_the_address_listened_on() {
        let names = host_names(Some("192.0.2.7".parse().unwrap()));
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.7"] {
            assert!(
                names.iter().any(|n| n == name),
                "{name} is not in {names:?}"
            );
        }
        let any = host_names(Some("::".parse().unwrap()));
        assert!(!any.iter().any(|n| n == "::"), "{any:?}");
        for interface in if_addrs::get_if_addrs().unwrap() {
            let there = any.contains(&interface.ip().to_string());
            assert_eq!(there, !interface.is_link_local(), "{any:?}");
        }
        let loopback = host_names(Some("127.0.0.1".parse().unwrap()));
        assert_eq!(loopback.iter().filter(|n| *n == "127.0.0.1").count(), 1);
    }
}
