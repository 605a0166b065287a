//! A decision and how it came about, as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::auth::Step;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(in crate::admin) struct ExplanationRecord {
    pub(in crate::admin) allowed: bool,
    /// What the gateway would answer; 200 stands for whatever the upstream says.
    pub(in crate::admin) status: u16,
    pub(in crate::admin) code: &'static str,
    /// Which rule decided, in one word and in words.
    pub(in crate::admin) rule: &'static str,
    pub(in crate::admin) because: String,
    #[schema(value_type = terms::TokenId)]
    pub(in crate::admin) token: String,
    /// Which the request is about.
    #[schema(value_type = terms::AccountId)]
    pub(in crate::admin) account: String,
    /// Null: no route leads there.
    #[schema(required)]
    pub(in crate::admin) route: Option<ExplainedRoute>,
    /// Every rule that was looked at, in order.
    pub(in crate::admin) steps: Vec<ExplainedStep>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ExplainedRoute {
    pub(in crate::admin) name: String,
    /// Null: it is public.
    #[schema(required)]
    pub(in crate::admin) resource: Option<String>,
    #[schema(required)]
    pub(in crate::admin) action: Option<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(in crate::admin) struct ExplainedStep {
    pub(in crate::admin) rule: &'static str,
    pub(in crate::admin) passed: bool,
    /// What is allowed on the resource after it; null where the rule is about something else.
    #[schema(required)]
    left: Option<String>,
    pub(in crate::admin) words: String,
}

impl ExplainedStep {
    pub(in crate::admin) fn of(step: &Step) -> Self {
        let left = step.left.map(|left| left.to_string());
        Self { rule: step.rule.name(), passed: step.passed, left, words: step.words.clone() }
    }

    pub(in crate::admin) fn failed(rule: &'static str, words: String) -> Self {
        Self { rule, passed: false, left: None, words }
    }
}
