//! The body of a response that tells when it has been sent, or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::connections::Served;

/// A body, until the end of which its request is being served.
#[derive(Debug)]
pub(crate) struct Answering {
    body: Body,
    served: Served,
}

impl Answering {
    /// `body`, on the connection that `served` is of.
    pub(crate) fn new(body: Body, served: Served) -> Self {
        Self { body, served }
    }
}

impl HttpBody for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.served.end();
    }
}
