//! Messages over standard streams, one a line: the library's transport, with an answer to requests that
//! are too long for it.

use std::io;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ErrorData, RequestId};
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::long_message::{LONGEST, Watched};

/// Time in which errors must be written when the connection ends.
const WRITING: Duration = Duration::from_secs(1);

/// Messages of one client.
pub(crate) struct LineTransport<R: AsyncRead + Unpin, W: AsyncWrite> {
    inner: AsyncRwTransport<RoleServer, Watched<R>, W>,
    too_long: mpsc::UnboundedReceiver<RequestId>,
    /// Errors that are being written. Receiving may be given up at any time, and writing not.
    refusals: JoinSet<()>,
}

impl<R, W> LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(crate) fn new(input: R, output: W) -> Self {
        let (input, too_long) = Watched::new(input);
        let inner = AsyncRwTransport::new_server(input, output).with_max_line_length(LONGEST);
        Self { inner, too_long, refusals: JoinSet::new() }
    }
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            while self.refusals.try_join_next().is_some() {}
            tokio::select! {
                biased;
                Some(id) = self.too_long.recv() => {
                    let words = format!(
                        "the message has more than {} MiB, which is the limit: send less",
                        LONGEST >> 20
                    );
                    let error = ErrorData::invalid_request(words, None);
                    let sending = self.inner.send(TxJsonRpcMessage::<RoleServer>::error(error, Some(id)));
                    self.refusals.spawn(async move {
                        // The client is gone.
                        let _ = sending.await;
                    });
                }
                message = self.inner.receive() => return message,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        let written = async { while self.refusals.join_next().await.is_some() {} };
        // A client that reads nothing holds nobody.
        let _late = tokio::time::timeout(WRITING, written).await;
        self.inner.close().await
    }
}
