use super::{Answer, Seen, State};

/// What a container has to show.
pub const CONTAINER_TOKEN: &str = "token-of-the-container";

pub(super) fn answer(state: &State, seen: &Seen, _: &str) -> Answer {
    let shown = seen.headers.get("authorization").map(String::as_str);
    if shown == Some(CONTAINER_TOKEN) {
        state.document()
    } else {
        state.refuse(401)
    }
}
