//! Calendars: with their events at the beginning, with the job at the very end.

use serde_json::{Map, Value};

use super::{Context, once};
use crate::commands::import::journal::{Certainty, Entry};
use crate::commands::import::plan::{CalendarAction, missing};
use crate::error::Result;
use crate::job::Calendar;

/// Creates the calendars that are not there, and completes half-made ones.
pub(super) async fn create(context: &Context<'_>) -> Result<()> {
    for plan in &context.plan.calendars {
        let calendar = &plan.calendar;
        match &plan.action {
            CalendarAction::Keep => {}
            CalendarAction::Complete(missing) => complete(context, calendar, missing).await?,
            CalendarAction::Create => create_one(context, calendar).await?,
        }
    }
    Ok(())
}

async fn create_one(context: &Context<'_>, calendar: &Calendar) -> Result<()> {
    let id = &calendar.calendar_id;
    once::create(context, Entry::Calendar(id.clone()), || {
        context
            .session
            .cluster
            .create_calendar(id, calendar.description.as_deref())
    })
    .await?;
    add_events(context, calendar, &calendar.events).await
}

async fn complete(context: &Context<'_>, calendar: &Calendar, missing: &[Map<String, Value>]) -> Result<()> {
    let entry = Entry::Events(calendar.calendar_id.clone(), missing.to_vec());
    let handle = context.journal.intend(entry);
    add_events(context, calendar, missing).await?;
    context.journal.settle(handle, Certainty::Written);
    Ok(())
}

/// Sent once; after an answer that leaves it open those that are not there are sent, so that none stands there twice.
async fn add_events(context: &Context<'_>, calendar: &Calendar, events: &[Map<String, Value>]) -> Result<()> {
    let (cluster, id) = (&context.session.cluster, &calendar.calendar_id);
    let mut tries = cluster.tries();
    let mut absent = events.to_vec();
    while !absent.is_empty() {
        let error = match cluster.add_events(id, &absent).await {
            Ok(()) => break,
            Err(error) => error,
        };
        if !error.outcome_unknown() && !error.is_passing() {
            return Err(error.into());
        }
        let Some(there) = cluster.calendar(id).await? else {
            return Err(error.into());
        };
        absent = missing(calendar, there);
        if !absent.is_empty() && (!error.is_passing() || !tries.again(&error).await) {
            return Err(error.into());
        }
    }
    Ok(())
}

/// Gives the calendars this job, and only this job.
pub(super) async fn join(context: &Context<'_>) -> Result<()> {
    for plan in &context.plan.calendars {
        let id = &plan.calendar.calendar_id;
        match context.session.cluster.calendar(id).await? {
            // What was there before stays after a rollback too.
            Some(there) if there.has(context.plan.job()) => continue,
            Some(_) => {}
            // Gone since it was found: another import that had made it took it back.
            None => create_one(context, &plan.calendar).await?,
        }
        let handle = context.journal.intend(Entry::Membership(id.clone()));
        context
            .session
            .cluster
            .add_job_to_calendar(id, context.plan.job())
            .await?;
        context.journal.settle(handle, Certainty::Written);
        context
            .session
            .terminal
            .print(&format!("Added job {} to calendar {id}", context.plan.job()));
    }
    Ok(())
}
