//! Masking passwords in URLs.

use url::Url;

const MASK: &str = "***";

/// Replaces the password of a URL, if it has one, by a mask.
pub(super) fn masked(address: &str) -> String {
    let text = masked_text(address);
    let Ok(mut url) = Url::parse(address) else {
        return text;
    };
    if url.password().is_none() || url.set_password(Some(MASK)).is_err() {
        return text;
    }
    // A URL can be spelled in ways that the search in its text does not recognise.
    if Url::parse(&text).as_ref() == Ok(&url) {
        text
    } else {
        url.to_string()
    }
}

pub(super) fn is_masked(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.password() == Some(MASK))
}

fn masked_text(address: &str) -> String {
    let begin = address.find("://").map_or(0, |scheme| scheme + 3);
    let (scheme, rest) = address.split_at(begin);
    // A password may contain characters that end a URL elsewhere.
    let password = rest.rsplit_once('@').and_then(|(user, host)| {
        let (user, _) = user.split_once(':').filter(|(_, word)| !word.is_empty())?;
        Some(format!("{scheme}{user}:{MASK}@{host}"))
    });
    password.unwrap_or_else(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_in_a_url_is_masked_in_every_spelling() {
        for (address, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://user@proxy:3128", "http://user@proxy:3128"),
            ("http://user:@proxy", "http://user:@proxy"),
            (
                "http://user:secret@proxy:3128",
                "http://user:***@proxy:3128",
            ),
            ("http://user:secret@proxy/", "http://user:***@proxy/"),
            ("http://:secret@proxy", "http://:***@proxy"),
            ("http://user:se@cr:et@proxy", "http://user:***@proxy"),
            ("http:user:secret@proxy", "http://user:***@proxy/"),
            ("http:/user:secret@proxy", "http://user:***@proxy/"),
            ("http:\\\\user:secret@proxy", "http://user:***@proxy/"),
            ("user:secret@proxy", "user:***@proxy"),
            ("http://user:p#ss@proxy:3128", "http://user:***@proxy:3128"),
            ("http://user:p?ss@proxy", "http://user:***@proxy"),
            ("http://user:12/34@proxy", "http://user:***@proxy"),
            ("http://proxy:3128/a", "http://proxy:3128/a"),
        ] {
            assert_eq!(masked(address), shown, "{address}");
        }
        assert!(is_masked("http://user:***@proxy"));
        assert!(!is_masked("http://user:secret@proxy"));
    }
}
