//! The address of a service that speaks S3.

use url::Url;

// Nothing of what it says is repeated: it may have a password in it.
pub(super) const ADDRESS: &str = "endpoint is an address that begins with https:// or http://";
const KEYS: &str = "endpoint has a user or a password in it: \
                    write them as access-key and secret-access-key";
/// Its host has no room for the name of the bucket.
pub(super) const NUMBERS: &str = "force-path-style has to be true: endpoint is an IP address, which \
                                  the name of the bucket cannot be a part of";
pub(super) const REGION: &str = "region is a name of letters, digits and -, such as eu-west-3";
const REST: &str = "endpoint ends with its path: leave out what begins with ? or #";

pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| ADDRESS)?;
    let (_, after) = text.split_once(':').unwrap_or_default();
    // Half an address is completed by the parser.
    let whole = after.starts_with("//") && !after.starts_with("///") && url.has_host();
    if !whole || !matches!(url.scheme(), "http" | "https") {
        Err(ADDRESS)
    } else if !url.username().is_empty() || url.password().is_some() {
        Err(KEYS)
    } else if url.query().is_some() || url.fragment().is_some() {
        Err(REST)
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_perhaps_a_path() {
        for good in [
            "https://s3.example.com",
            "HTTPS://s3.example.com",
            "http://127.0.0.1:9000/",
            "http://[::1]:9000/s3",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for (bad, problem) in [
            ("minio:9000", ADDRESS),
            ("ftp://host", ADDRESS),
            ("http://", ADDRESS),
            ("https:/host", ADDRESS),
            ("https:///host", ADDRESS),
            ("https://me@host", KEYS),
            ("https://:hush@host", KEYS),
            ("https://host/?x", REST),
            ("https://host#x", REST),
        ] {
            assert_eq!(parse(bad), Err(problem), "{bad}");
        }
    }
}
