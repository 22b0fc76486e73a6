use std::net::IpAddr;

/// The names for the certificate of a server on this host: the host name, `localhost`, the loopback
/// addresses and the listen address. If that is unspecified, all addresses of the host.
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

/// The addresses of a listener, without link-local ones.
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

/// A host name can hold any character, a name in a certificate only ASCII without spaces.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_hold_name_loopback_and_listen_address() {
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
            let is_listed = any.contains(&interface.ip().to_string());
            assert_eq!(is_listed, !interface.is_link_local(), "{any:?}");
        }
        let loopback = host_names(Some("127.0.0.1".parse().unwrap()));
        assert_eq!(loopback.iter().filter(|n| *n == "127.0.0.1").count(), 1);
    }
}
