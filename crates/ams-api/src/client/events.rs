use futures_util::StreamExt;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error as WebSocketError, Message, client::IntoClientRequest, http},
};

use super::AmsClient;
use crate::{Error, Event, EventSelection};

/// The events of AMS, as they happen.
pub struct EventStream {
    client: AmsClient,
    socket: WebSocketStream<aar_http::Stream>,
}

impl AmsClient {
    /// Subscribes to events.
    pub async fn events(&self, selection: EventSelection) -> Result<EventStream, Error> {
        let connection = self.http.connect(&self.base).await;
        let connection = connection.map_err(|error| self.failed(&error))?;
        // The connection is open already: the request needs the host only for its header.
        let host = self.base.authority();
        let url = format!("ws://{host}/1.0/events?type={}", selection.as_str());
        let mut request = url
            .into_client_request()
            .map_err(|error| self.connection_lost(error))?;
        if let Ok(name) = http::HeaderValue::from_str(&self.user_agent) {
            request.headers_mut().insert(http::header::USER_AGENT, name);
        }
        match Box::pin(client_async(request, connection)).await {
            Ok((socket, _)) => Ok(EventStream {
                client: self.clone(),
                socket,
            }),
            Err(WebSocketError::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(super::call::refused(response.status(), body))
            }
            Err(error) => Err(self.connection_lost(error)),
        }
    }
}

impl EventStream {
    /// The next event; `None` when AMS has closed the stream.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        while let Some(message) = self.socket.next().await {
            match message {
                Ok(Message::Text(text)) => return self.read(text.as_bytes()).map(Some),
                Ok(Message::Binary(bytes)) => return self.read(&bytes).map(Some),
                Ok(Message::Close(_)) => return Ok(None),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(error) => return Err(self.client.connection_lost(error)),
            }
        }
        Ok(None)
    }

    fn read(&self, text: &[u8]) -> Result<Event, Error> {
        serde_json::from_slice(text).map_err(|source| Error::Malformed {
            context: format!("an event of {}", self.client.endpoint()),
            source: Some(source),
        })
    }
}
