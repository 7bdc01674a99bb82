//! Tools that a process of the run's client offers: offering them again, and telling that nobody does.

use harmonic_api::{Client, ClientError};
use harmonic_app::server_choice::ChosenServer;
use harmonic_app::tool_offer::{ToolOffer, ToolOffering};
use harmonic_render::Printer;
use harmonic_types::{RunId, RunState};

use crate::error::FollowError;

/// Status of an operation that the state of a run forbids.
const CONFLICT: u16 = 409;

/// Lets a stopped run go on, with the tools of `offer`. One that runs already gets them, too.
///
/// # Errors
/// When the run cannot be resumed, or needs other tools.
pub async fn resume(
    id: &RunId,
    offer: Option<ToolOffer>,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<Option<ToolOffering>, FollowError> {
    let client = &server.client;
    let Some(offer) = offer else {
        client.resume_run(id).await?;
        tell_absence(id, server, printer).await?;
        return Ok(None);
    };
    let tools = client.run_tools(id).await?;
    offer.check(&tools.of_client().map(str::to_owned).collect::<Vec<_>>())?;
    match client.resume_run(id).await {
        Ok(_) => {}
        Err(ClientError::Status { status: CONFLICT, .. }) if runs(id, client).await? => {}
        Err(error) => return Err(error.into()),
    }
    Ok(Some(offer.begin(client.clone(), id.clone())))
}

/// Tells that nobody offers the tools that the client of a run had, where that is so.
///
/// # Errors
/// When the server does not answer.
pub async fn tell_absence(
    id: &RunId,
    server: &ChosenServer,
    printer: &Printer,
) -> Result<(), FollowError> {
    let tools = server.client.run_tools(id).await?;
    if tools.client_connected == Some(false) && runs(id, &server.client).await? {
        let names = tools.of_client().collect::<Vec<_>>().join(", ");
        printer.message(&format!(
            "no process offers {names}, so calls of them fail: `harmonic runs{} resume {id}` with the \
             run's --tools, --workspace and --allow-run offers them again",
            server.option
        ));
    }
    Ok(())
}

/// Whether the run has not ended.
async fn runs(id: &RunId, client: &Client) -> Result<bool, FollowError> {
    let state = client.run(id).await?.state;
    Ok(!matches!(state, RunState::Done | RunState::Partial { .. } | RunState::Failed { .. }))
}
