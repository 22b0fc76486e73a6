//! Tokens for the events websocket: a signed JWT stands in for the certificate where a client,
//! such as a page in a browser, cannot choose what its websocket shows.
//!
//! A token lives for a minute, names who it was issued to, and is worth no more than that caller
//! still is when it is used. The key is made at start and never leaves the process.

use std::io;

use aar_types::Clock;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustix::rand::{GetRandomFlags, getrandom};
use serde::{Deserialize, Serialize};

use super::auth::identity::Identity;

const LIFE: SignedDuration = SignedDuration::from_mins(1);
const AUDIENCE: &str = "events";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: Identity,
    iat: i64,
    exp: i64,
}

/// Issues tokens, and knows its own again.
pub(super) struct EventTokens {
    clock: Clock,
    signing: EncodingKey,
    checking: DecodingKey,
}

impl EventTokens {
    /// Makes the key.
    pub(super) fn new(clock: Clock) -> io::Result<Self> {
        let mut secret = [0; 32];
        // Requests of up to 256 bytes are answered in full.
        getrandom(&mut secret, GetRandomFlags::empty())?;
        Ok(Self {
            clock,
            signing: EncodingKey::from_secret(&secret),
            checking: DecodingKey::from_secret(&secret),
        })
    }

    /// A token for the given caller.
    pub(super) fn issue(&self, to: Identity) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now().as_second();
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: to,
            iat: now,
            exp: now.saturating_add(LIFE.as_secs()),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
    }

    /// Who the token was issued to, if it was issued here and is not too old.
    pub(super) fn holder(&self, token: &str) -> Option<Identity> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[AUDIENCE]);
        // Its own look at the time would pass by the clock that was given.
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.checking, &rules)
            .ok()?
            .claims;
        let expires = Timestamp::from_second(claims.exp).ok()?;
        (self.clock.now() < expires).then_some(claims.sub)
    }
}

#[cfg(test)]
mod tests {
    use aar_types::ManualClock;

    use super::*;

    #[test]
    fn a_token_is_good_for_a_minute_and_only_where_it_was_issued() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let tokens = EventTokens::new(clock.clone().into()).unwrap();
        let fingerprint = aar_types::Fingerprint::from_bytes([7; 32]);
        let holder = Identity::Certificate { fingerprint };
        let token = tokens.issue(holder).unwrap();
        assert_eq!(tokens.holder(&token), Some(holder));

        let elsewhere = EventTokens::new(clock.clone().into()).unwrap();
        assert_eq!(elsewhere.holder(&token), None);
        clock.advance(LIFE);
        assert_eq!(tokens.holder(&token), None);
    }

    #[test]
    fn an_altered_or_unsigned_token_is_nobodys() {
        let tokens = EventTokens::new(Clock::system()).unwrap();
        let token = tokens.issue(Identity::Local { uid: 7 }).unwrap();
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
