//! Response body that reports its end: sent completely, or dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use crate::connections::RequestActivity;

/// Body that ends the activity of its request when it is dropped.
#[derive(Debug)]
pub(crate) struct TrackedBody {
    body: Body,
    activity: RequestActivity,
}

impl TrackedBody {
    /// `body` of a request on the connection of `activity`.
    pub(crate) fn new(body: Body, activity: RequestActivity) -> Self {
        Self { body, activity }
    }
}

impl HttpBody for TrackedBody {
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

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.activity.end();
    }
}
