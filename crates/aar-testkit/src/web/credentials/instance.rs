use hyper::Method;

use super::{HttpResult, RecordedRequest, Role, respond};

const TOKEN: &str = "AQAEtoken==";
const ROLE: &str = "registry-role";
const ROLES: &str = "/latest/meta-data/iam/security-credentials";

pub(super) fn respond_to(role: &Role, request: &RecordedRequest, _: &str) -> HttpResult {
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    if request.path == "/latest/api/token" {
        let seconds = header("x-aws-ec2-metadata-token-ttl-seconds");
        let is_valid = request.method == Method::PUT.as_str()
            && seconds.is_some_and(|text| matches!(text.parse(), Ok(1..=21_600_u32)));
        return if is_valid {
            respond(200, TOKEN)
        } else {
            respond(400, "")
        };
    }
    if header("x-aws-ec2-metadata-token") != Some(TOKEN) {
        return role.reject(401);
    }
    match request.path.strip_prefix(ROLES) {
        Some("" | "/") if role.current().is_some() => respond(200, ROLE),
        Some(name) if name == format!("/{ROLE}") => role.respond_with_document(),
        _ => respond(404, ""),
    }
}
