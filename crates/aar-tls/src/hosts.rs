use std::net::IpAddr;

/// What this host can be reached under, for the certificate of a server on it: its name,
/// `localhost`, the loopback addresses, and the address that is listened on.
pub fn host_names(listen: Option<IpAddr>) -> Vec<String> {
    let uname = rustix::system::uname();
    let own = uname.nodename().to_string_lossy().into_owned();
    let listen = listen.filter(|address| !address.is_unspecified());
    let mut names = Vec::new();
    let fixed = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    for name in [own]
        .into_iter()
        .chain(fixed)
        .chain(listen.map(|a| a.to_string()))
    {
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
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
        let any = host_names(Some("0.0.0.0".parse().unwrap()));
        assert!(!any.iter().any(|n| n == "0.0.0.0"), "{any:?}");
        let loopback = host_names(Some("127.0.0.1".parse().unwrap()));
        assert_eq!(loopback.iter().filter(|n| *n == "127.0.0.1").count(), 1);
    }
}
