use super::{REQUEST, check_complete, check_size, split_page};
use crate::response::parse_envelope;
use aar_types::{Application, Envelope};

/// An accepted page has the same applications after another round through JSON, and names each of them once.
fn check_page(body: &[u8]) -> bool {
    let Ok((applications, total)) =
        parse_envelope(REQUEST, body).and_then(|(page, _)| split_page(page))
    else {
        return false;
    };
    if check_size(&applications, total).is_err() || check_complete(&applications, total).is_err() {
        return false;
    }
    assert_eq!(applications.len(), total);
    let page = Envelope::page(applications.clone(), total as u64);
    let (page, _): (Envelope<Vec<Application>>, _) =
        parse_envelope(REQUEST, &serde_json::to_vec(&page).unwrap()).unwrap();
    assert_eq!(split_page(page).unwrap(), (applications, total));
    true
}

#[test]
fn listing_page() {
    aar_testkit::fuzz!("listing_page", check_page);
}
