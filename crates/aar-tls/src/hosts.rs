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
