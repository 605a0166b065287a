//! What a method does to a resource.

use http::Method;

use crate::model::Action;

/// GET, HEAD, OPTIONS read; POST creates; PUT, PATCH update; DELETE deletes. Any other method means
/// nothing by itself: a route must name it and its action.
pub fn action_of(method: &Method) -> Option<Action> {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Some(Action::Read),
        Method::POST => Some(Action::Create),
        Method::PUT | Method::PATCH => Some(Action::Update),
        Method::DELETE => Some(Action::Delete),
        _ => None,
    }
}
