//! Tokens for the event websocket, for clients that cannot show a certificate there, such as browsers.
//!
//! A token is a signed JWT that names the caller it was issued to and is valid for a minute. It is
//! accepted while that caller is authorised. The key is created at the start and stays in the process.

use std::io;

use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use super::caller_id::CallerId;

const TTL: SignedDuration = SignedDuration::from_mins(1);
const AUDIENCE: &str = "events";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: CallerId,
    iat: i64,
    exp: i64,
}

pub(super) struct EventTokens {
    clock: Clock,
    signing: EncodingKey,
    checking: DecodingKey,
}

impl EventTokens {
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let mut secret = [0; 32];
        // The system call never returns less for up to 256 bytes.
        getrandom(&mut secret, GetRandomFlags::empty())?;
        Ok(Self {
            clock,
            signing: EncodingKey::from_secret(&secret),
            checking: DecodingKey::from_secret(&secret),
        })
    }

    /// A token for a caller.
    pub(super) fn issue(&self, to: CallerId) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now().as_second();
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: to,
            iat: now,
            exp: now.saturating_add(TTL.as_secs()),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
    }

    /// The caller that a token was issued to, if it was issued here and has not expired.
    pub(super) fn holder(&self, token: &str) -> Option<CallerId> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        // The library would use the system clock, not `self.clock`.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &rules)
            .ok()?
            .claims;
        let expires = Timestamp::from_second(claims.exp).ok()?;
        let now = self.clock.now();
        // One that lives longer was issued while the clock was ahead.
        let latest = now.saturating_add(TTL).unwrap_or(Timestamp::MAX);
        (now < expires && expires <= latest).then_some(claims.sub)
    }
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;

    use super::*;

    #[test]
    fn token_is_valid_for_a_minute_and_only_where_it_was_issued() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let tokens = EventTokens::new(clock.clone().into()).unwrap();
        let fingerprint = aar_types::Fingerprint::from_bytes([7; 32]);
        let holder = CallerId::Certificate { fingerprint };
        let token = tokens.issue(holder).unwrap();
        assert_eq!(tokens.holder(&token), Some(holder));

        let elsewhere = EventTokens::new(clock.clone().into()).unwrap();
        assert_eq!(elsewhere.holder(&token), None);
        clock.advance(TTL);
        assert_eq!(tokens.holder(&token), None);
    }

    #[test]
    fn altered_and_unsigned_tokens_are_invalid() {
        let tokens = EventTokens::new(Clock::system()).unwrap();
        let token = tokens.issue(CallerId::Local { uid: 7 }).unwrap();
        let (claims, _) = token.rsplit_once('.').unwrap();
        for bad in [
            "",
            "a.b.c",
            claims,
            &format!("{claims}."),
            &format!("{token}A"),
        ] {
            assert_eq!(tokens.holder(bad), None, "{bad}");
        }
    }
}
