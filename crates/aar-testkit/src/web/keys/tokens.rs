use super::{Answer, Seen, State, say};

/// What shows who somebody is.
pub const WEB_TOKEN: &str = "token-of-the-web";

pub(super) fn answer(state: &State, _: &Seen, form: &str) -> Answer {
    let fields: Vec<_> = form.split('&').collect();
    let token = format!("WebIdentityToken={WEB_TOKEN}");
    if !fields.contains(&"Action=AssumeRoleWithWebIdentity") || !fields.contains(&&*token) {
        return state.refuse(400);
    }
    let Some((key, ends)) = state.give() else {
        return say(403, refusal("AccessDenied"));
    };
    let (id, secret) = (&key.access_key, &key.secret_key);
    say(
        200,
        format!(
            r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
              <AssumeRoleWithWebIdentityResult><Credentials>
                <AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
                <SessionToken>token-of-{id}</SessionToken><Expiration>{ends}</Expiration>
              </Credentials></AssumeRoleWithWebIdentityResult>
            </AssumeRoleWithWebIdentityResponse>"#
        ),
    )
}

fn refusal(code: &str) -> String {
    format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
        <Code>{code}</Code><Message>Not authorized</Message></Error></ErrorResponse>"#
    )
}
