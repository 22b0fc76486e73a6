use super::{HttpResult, RecordedRequest, Role, respond};

/// The token that proves the identity.
pub const WEB_IDENTITY_TOKEN: &str = "token-of-the-web";

pub(super) fn respond_to(role: &Role, _: &RecordedRequest, form: &str) -> HttpResult {
    let fields: Vec<_> = form.split('&').collect();
    let token = format!("WebIdentityToken={WEB_IDENTITY_TOKEN}");
    if !fields.contains(&"Action=AssumeRoleWithWebIdentity") || !fields.contains(&&*token) {
        return role.reject(400);
    }
    let Some((key, expiration)) = role.issue() else {
        return respond(403, error_document("AccessDenied"));
    };
    let (id, secret) = (&key.access_key, &key.secret_key);
    respond(
        200,
        format!(
            r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleWithWebIdentityResult><Credentials>
                <AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
                <SessionToken>token-of-{id}</SessionToken><Expiration>{expiration}</Expiration>
              </Credentials></AssumeRoleWithWebIdentityResult>
            </AssumeRoleWithWebIdentityResponse>"#
        ),
    )
}

fn error_document(code: &str) -> String {
    format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
        <Code>{code}</Code><Message>Not authorized</Message></Error></ErrorResponse>"#
    )
}
