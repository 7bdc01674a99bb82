//! The name under which a request asks for this server, the length of what it asks for, and how its
//! body is framed.
//!
//! Invariants: a request past here has exactly one name, or none in HTTP/1.0: with two, a proxy and
//! this server could each believe another (RFC 9112, 3.2, has 400 for it). Its body has a length or is
//! chunked, with no coding below: where a proxy undoes one and this server does not, they disagree on
//! where the next request begins (RFC 9112, 6.1).

use axum::extract::{Request, State};
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version};
use axum::middleware::Next;
use axum::response::Response;

use crate::api_error::ApiError;

/// Longest target of a request, in bytes; none that there is here is longer than a fraction of it.
const LONGEST_TARGET: usize = 8 * 1024;

/// The name, in lower case and without its port; `None` where an old client names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named(pub(super) Option<String>);

/// Middleware: refuses what has no name or several, targets without end, heads of more than `limit`
/// bytes, and transfer codings that are not read; notes the [`Named`].
pub(crate) async fn one_authority(
    State(limit): State<usize>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > LONGEST_TARGET {
        return Err(ApiError::TargetTooLong { limit: LONGEST_TARGET });
    }
    // hyper refuses only what does not fit its buffer, which one read may fill beyond the limit.
    if head_bytes(&request) > limit {
        return Err(ApiError::HeadTooLarge { limit });
    }
    if let Some(coding) = unread_coding(request.headers()) {
        return Err(ApiError::UnknownTransfer { coding });
    }
    let named = named(request.uri(), request.version(), request.headers())?;
    request.extensions_mut().insert(Named(named));
    Ok(next.run(request).await)
}

/// What is to be undone of the body's transfer besides `chunked`; `None` where nothing is.
fn unread_coding(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let all = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect::<Vec<_>>();
    let coding = all.join(", ");
    let known = all.is_empty() || coding.trim().eq_ignore_ascii_case("chunked");
    (!known).then_some(coding)
}

/// Bytes of the head as it is written shortest.
fn head_bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + fields.sum::<usize>() + "\r\n".len()
}

fn named(uri: &Uri, version: Version, headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let wrong = |reason: &str| ApiError::BadHost { reason: reason.to_owned() };
    let mut lines = headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(wrong("there are several")),
        (None, None) if version >= Version::HTTP_11 => return Err(wrong("there is none")),
        (line, None) => line,
    };
    let host = line.map(|line| {
        let authority = Authority::try_from(line.as_bytes()).ok().filter(is_plain);
        authority.ok_or_else(|| wrong("it is no name or address, with a port or without"))
    });
    let host = host.transpose()?;
    match (uri.authority(), &host) {
        (Some(asked), _) if asked.as_str().contains('@') => {
            Err(wrong("the target has a user's name"))
        }
        (Some(asked), Some(host)) if place(asked) != place(host) => {
            Err(wrong("the target names another"))
        }
        (Some(asked), _) => Ok(Some(place(asked).0)),
        (None, host) => Ok(host.as_ref().map(|host| place(host).0)),
    }
}

/// Whether it is a name and a port, or none, and nothing else.
fn is_plain(authority: &Authority) -> bool {
    let text = authority.as_str();
    let port = text.strip_prefix(authority.host()).unwrap_or_default();
    let has_port = port.is_empty() || port == ":" || authority.port_u16().is_some();
    !text.contains(['@', ',']) && !authority.host().is_empty() && has_port
}

/// Name and port. A dot at the end of a name is its root, which is where every name ends.
fn place(authority: &Authority) -> (String, u16) {
    let mut name = authority.host().to_ascii_lowercase();
    if name.ends_with('.') {
        name.pop();
    }
    (name, authority.port_u16().unwrap_or(80))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn name(target: &str, version: Version, hosts: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_str(host).expect("printable"));
        }
        named(&target.parse().expect("a target"), version, &headers).map_err(|_| ())
    }

    #[test]
    fn a_request_has_one_name() {
        let one = |hosts: &[&str]| name("/", Version::HTTP_11, hosts);
        for (host, read) in [
            ("localhost", "localhost"),
            ("LocalHost:4276", "localhost"),
            ("localhost.", "localhost"),
            ("localhost.:80", "localhost"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:4276", "[::1]"),
            ("my_box.lan", "my_box.lan"),
        ] {
            assert_eq!(one(&[host]), Ok(Some(read.to_owned())), "{host}");
        }
        for host in
            ["", " ", "a b", "user@localhost", "localhost:x", "http://localhost", "a,b", "::1"]
        {
            assert_eq!(one(&[host]), Err(()), "{host:?}");
        }
        assert_eq!(one(&["localhost", "localhost"]), Err(()), "not even the same twice");
        assert_eq!(one(&[]), Err(()));
        assert_eq!(name("/", Version::HTTP_10, &[]), Ok(None));
        assert_eq!(name("/", Version::HTTP_10, &["a", "b"]), Err(()));
    }

    #[test]
    fn a_target_and_its_host_are_of_one_name() {
        let target = |target: &str, hosts: &[&str]| name(target, Version::HTTP_11, hosts);
        let known = Ok(Some("a.example".to_owned()));
        assert_eq!(target("http://A.example/x", &["a.example"]), known);
        assert_eq!(target("http://a.example:80/x", &["a.example"]), known);
        assert_eq!(target("http://a.example/x", &["localhost"]), Err(()));
        assert_eq!(target("http://a.example:81/x", &["a.example"]), Err(()));
        assert_eq!(target("http://u@a.example/x", &["a.example"]), Err(()));
        assert_eq!(target("http://a.example/x", &[]), Err(()));
        assert_eq!(name("http://a.example/x", Version::HTTP_10, &[]), known);
    }
}
