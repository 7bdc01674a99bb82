//! Checks of a request's head: host name, length of target and head, framing of the body.
//!
//! Invariants: a request that passes has exactly one host name, or none in HTTP/1.0: of two, a
//! proxy and this server could use different ones (RFC 9112, 3.2, requires 400). Its body has a
//! length or is chunked, without another transfer coding: if a proxy decodes one and this server
//! does not, they disagree on where the next request begins (RFC 9112, 6.1).

use axum::extract::{Request, State};
use axum::http::header::{HOST, TRANSFER_ENCODING};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version};
use axum::middleware::Next;
use axum::response::Response;

use crate::api_error::ApiError;

/// Longest target of a request, in bytes; far longer than any target of this server.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Host name of a request, in lower case and without port; `None` where an HTTP/1.0 client sends
/// none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RequestHost(pub(super) Option<String>);

/// Middleware: refuses requests without a host name or with several, too long targets, heads of
/// more than `limit` bytes, and unsupported transfer codings; inserts the [`RequestHost`].
pub(crate) async fn check_head(
    State(limit): State<usize>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if target > MAX_TARGET_BYTES {
        return Err(ApiError::TargetTooLong { limit: MAX_TARGET_BYTES });
    }
    // hyper refuses only a head beyond its buffer, which one read may fill beyond the limit.
    if head_bytes(&request) > limit {
        return Err(ApiError::HeadTooLarge { limit });
    }
    if let Some(coding) = unsupported_coding(request.headers()) {
        return Err(ApiError::UnsupportedTransferEncoding { coding });
    }
    let host = host_name(request.uri(), request.version(), request.headers())?;
    request.extensions_mut().insert(RequestHost(host));
    Ok(next.run(request).await)
}

/// Transfer codings of the body if they are other than a single `chunked`.
fn unsupported_coding(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let all = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect::<Vec<_>>();
    let coding = all.join(", ");
    let known = all.is_empty() || coding.trim().eq_ignore_ascii_case("chunked");
    (!known).then_some(coding)
}

/// Bytes of the head in its shortest form.
fn head_bytes(request: &Request) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + fields.sum::<usize>() + "\r\n".len()
}

fn host_name(uri: &Uri, version: Version, headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let invalid = |reason: &str| ApiError::InvalidHost { reason: reason.to_owned() };
    let mut lines = headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(invalid("it is given several times")),
        (None, None) if version >= Version::HTTP_11 => return Err(invalid("it is missing")),
        (line, None) => line,
    };
    let host = line.map(|line| {
        let authority = Authority::try_from(line.as_bytes()).ok().filter(is_plain);
        authority.ok_or_else(|| invalid("it is not a name or address with an optional port"))
    });
    let host = host.transpose()?;
    match (uri.authority(), &host) {
        (Some(target), _) if target.as_str().contains('@') => {
            Err(invalid("the target has user information"))
        }
        (Some(target), Some(host)) if host_and_port(target) != host_and_port(host) => {
            Err(invalid("the target has another host"))
        }
        (Some(target), _) => Ok(Some(host_and_port(target).0)),
        (None, host) => Ok(host.as_ref().map(|host| host_and_port(host).0)),
    }
}

/// Whether it is only a name or address with an optional port.
fn is_plain(authority: &Authority) -> bool {
    let text = authority.as_str();
    let port = text.strip_prefix(authority.host()).unwrap_or_default();
    let has_port = port.is_empty() || port == ":" || authority.port_u16().is_some();
    !text.contains(['@', ',']) && !authority.host().is_empty() && has_port
}

/// Name and port, without the dot of the DNS root at the end of the name.
fn host_and_port(authority: &Authority) -> (String, u16) {
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
        host_name(&target.parse().expect("a target"), version, &headers).map_err(|_| ())
    }

    #[test]
    fn a_request_has_one_host_name() {
        let one = |hosts: &[&str]| name("/", Version::HTTP_11, hosts);
        for (host, expected) in [
            ("localhost", "localhost"),
            ("LocalHost:4276", "localhost"),
            ("localhost.", "localhost"),
            ("localhost.:80", "localhost"),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:4276", "[::1]"),
            ("my_box.lan", "my_box.lan"),
        ] {
            assert_eq!(one(&[host]), Ok(Some(expected.to_owned())), "{host}");
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
    fn target_and_host_header_have_the_same_name() {
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
