use hyper::Method;

use super::{Answer, Seen, State, say};

const TOKEN: &str = "AQAEtoken==";
const ROLE: &str = "registry-role";
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

pub(super) fn answer(state: &State, seen: &Seen, _: &str) -> Answer {
    let header = |name: &str| seen.headers.get(name).map(String::as_str);
    if seen.path == "/latest/api/token" {
        let seconds = header("x-aws-ec2-metadata-token-ttl-seconds");
        let good = seen.method == Method::PUT.as_str()
            && seconds.is_some_and(|text| matches!(text.parse(), Ok(1..=21_600_u32)));
        return if good { say(200, TOKEN) } else { say(400, "") };
    }
    if header("x-aws-ec2-metadata-token") != Some(TOKEN) {
        return state.refuse(401);
    }
    match seen.path.strip_prefix(ROLES) {
        Some("" | "/") if state.current().is_some() => say(200, ROLE),
        Some(role) if role == format!("/{ROLE}") => state.document(),
        _ => say(404, ""),
    }
}
