use axum::http::Method;

use super::HandlerLabels;

/// The transport of a request.
#[derive(Debug, Clone, Copy)]
pub enum Transport {
    /// Over TLS.
    Https,
    /// Over the Unix socket.
    Unix,
}

/// The labels of a route: `https_registry_application_push_POST` stands for
/// `POST /1.0/registry/applications/{id}/push` over HTTPS.
pub(super) fn labels(transport: Transport, method: &Method, route: Option<&str>) -> HandlerLabels {
    let transport = match transport {
        Transport::Https => "https",
        Transport::Unix => "unix",
    };
    let object = route.map_or_else(|| "unknown".to_owned(), object);
    let method = known(method);
    HandlerLabels {
        handler: format!("{transport}_{object}_{method}"),
        method: method.as_str().to_ascii_lowercase(),
    }
}

/// Unknown methods count as `OPTIONS`: clients could invent any number of them.
fn known(method: &Method) -> Method {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    let found = known.into_iter().find(|known| known == method);
    found.unwrap_or(Method::OPTIONS)
}

/// The words of a route, with a collection in the singular if the route is about one of its items.
fn object(route: &str) -> String {
    let path = route.strip_prefix("/1.0").unwrap_or(route);
    let mut words: Vec<&str> = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        match segment.strip_prefix('{') {
            None => words.push(segment),
            Some("version}") => words.push("version"),
            Some(_) => singular(&mut words),
        }
    }
    match &*words {
        [] => "service".to_owned(),
        words => words.join("_"),
    }
}

fn singular(words: &mut [&str]) {
    if let Some(last) = words.last_mut() {
        *last = last.strip_suffix('s').unwrap_or(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handlers_have_the_names_of_existing_dashboards() {
        for (method, route, name) in [
            (Method::GET, "/1.0", "https_service_GET"),
            (Method::GET, "/1.0/applications", "https_applications_GET"),
            (
                Method::PATCH,
                "/1.0/applications/{id}",
                "https_application_PATCH",
            ),
            (
                Method::PATCH,
                "/1.0/applications/{id}/",
                "https_application_PATCH",
            ),
            (
                Method::GET,
                "/1.0/applications/{id}/{version}/manifest",
                "https_application_version_manifest_GET",
            ),
            (
                Method::POST,
                "/1.0/registry/applications/{id}/push",
                "https_registry_application_push_POST",
            ),
            (
                Method::GET,
                "/1.0/registry/applications",
                "https_registry_applications_GET",
            ),
        ] {
            let labels = labels(Transport::Https, &method, Some(route));
            assert_eq!(labels.handler, name);
        }
        let unknown = labels(Transport::Unix, &Method::GET, None);
        assert_eq!(
            (&*unknown.handler, &*unknown.method),
            ("unix_unknown_GET", "get")
        );
    }
}
