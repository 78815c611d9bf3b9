//! Inputs: each is there under its id, and no other.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::mismatch;
use crate::archive::Part;
use crate::cluster::{Cluster, Operations, Search};
use crate::commands::import::checked::Checked;
use crate::commands::import::journal::{CreatedIndex, Journal};
use crate::commands::import::plan::{Plan, TargetPlan};
use crate::error::{Error, Result};
use crate::job::loading_alias;

/// Ids that are counted with one request.
const IDS: usize = 10_000;
/// Requests at once: while one is answered the ids of the next are read from the archive.
const AT_ONCE: usize = 2;

/// Sees that the indices hold the archive's inputs; returns how many there are.
pub(super) async fn compare(cluster: &Cluster, checked: &Checked, plan: &Plan, journal: &Journal) -> Result<u64> {
    let mut doubtful = Vec::new();
    let mut compared = 0;
    for target in &plan.targets {
        is_ours(cluster, target, journal).await?;
        let sources = &checked.archive.contents.input_indices;
        let sources = target.index.sources.iter().filter_map(|source| sources.get(source));
        let expected: u64 = sources.sum();
        if !is_proven(cluster, target, expected).await? {
            doubtful.push((target, expected));
        }
        compared += expected;
    }
    if doubtful.is_empty() {
        return Ok(compared);
    }
    let targets: Vec<&TargetPlan> = doubtful.iter().map(|(target, _)| *target).collect();
    ids(cluster, checked, &targets).await?;
    for (target, expected) in doubtful {
        let (name, found) = (&target.index.name, number(cluster, target).await?);
        if found != expected {
            return Err(mismatch(format!(
                "index {name} holds {found} inputs, the archive {expected}"
            )));
        }
    }
    Ok(compared)
}

/// The index is the one that was created, has the alias that it is loaded through, and maps every field as it did.
async fn is_ours(cluster: &Cluster, target: &TargetPlan, journal: &Journal) -> Result<()> {
    let name = &target.index.name;
    let (index, created) = the_created(cluster, target, journal).await?;
    if index["aliases"].get(loading_alias(name, journal.run())).is_none() {
        return Err(mismatch(format!(
            "somebody else took an alias of this import from index {name}"
        )));
    }
    match holds(&index["mappings"], &created.mappings) {
        true => Ok(()),
        false => Err(mismatch(format!(
            "somebody else changed the mapping of index {name} while it was loaded"
        ))),
    }
}

/// The index as it is now, and as it was created.
async fn the_created(cluster: &Cluster, target: &TargetPlan, journal: &Journal) -> Result<(Value, CreatedIndex)> {
    let name = &target.index.name;
    let mut there = cluster.index_definitions(&[name.to_string()]).await?;
    let Some(index) = there.remove(name.as_str()) else {
        return Err(mismatch(format!(
            "somebody else deleted index {name} while it was loaded"
        )));
    };
    match journal.index(name) {
        Some(created) if index["settings"]["index"]["uuid"] == created.uuid => Ok((index, created)),
        _ => Err(mismatch(format!(
            "somebody else replaced index {name} while it was loaded"
        ))),
    }
}

/// Takes away the aliases that the indices were loaded through.
pub(super) async fn release(cluster: &Cluster, plan: &Plan, journal: &Journal) -> Result<()> {
    for target in &plan.targets {
        let name = &target.index.name;
        let alias = loading_alias(name, journal.run());
        match cluster.remove_alias(name.as_str(), &alias).await {
            // Removed by a try whose answer was lost, or gone with the index.
            Err(error) if error.status() == Some(404) => {
                let (index, _) = the_created(cluster, target, journal).await?;
                if index["aliases"].get(&alias).is_some() {
                    return Err(error.into());
                }
            }
            answer => answer?,
        }
    }
    Ok(())
}

/// Whether all of `part` is in `whole`; dynamic mapping adds fields.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part))),
        _ => whole == part,
    }
}

/// Every input was confirmed under its id. Where the index has carried out that many writes since it was made, no
/// deletion, and holds that many documents, they are those: nobody else's was written, and none replaced another. Where
/// a write was repeated, or somebody else wrote too, or a shard has moved, this proves nothing.
async fn is_proven(cluster: &Cluster, target: &TargetPlan, expected: u64) -> Result<bool> {
    let operations = Operations {
        indexed: expected,
        deleted: 0,
    };
    Ok(number(cluster, target).await? == expected
        && cluster.operations(target.index.name.as_str()).await? == Some(operations))
}

async fn number(cluster: &Cluster, target: &TargetPlan) -> Result<u64> {
    let all = Search::lenient([target.index.name.as_str()], json!({"match_all": {}}));
    Ok(cluster.count(&all).await?)
}

/// Counts the documents of the archive's ids.
async fn ids(cluster: &Cluster, checked: &Checked, targets: &[&TargetPlan]) -> Result<()> {
    let mut counts: Vec<_> = targets
        .iter()
        .map(|target| Counts::new(cluster, target.index.name.as_str()))
        .collect();
    let mut stream = checked.archive.documents(Part::Inputs);
    while let Some(batch) = stream.next().await? {
        for document in batch {
            let source = document.source_index();
            let of = targets.iter().zip(&mut counts);
            let of = of.into_iter().find(|(target, _)| target.index.sources.contains(source));
            if let Some((target, counts)) = of {
                counts.add(checked.input_id(&target.index, &document)).await?;
            }
        }
    }
    for counts in counts {
        counts.finish().await?;
    }
    Ok(())
}

/// The ids of one index on their way to being counted.
struct Counts<'a> {
    cluster: &'a Cluster,
    index: &'a str,
    ids: Vec<String>,
    under_way: JoinSet<Result<()>>,
}

impl<'a> Counts<'a> {
    fn new(cluster: &'a Cluster, index: &'a str) -> Self {
        Self {
            cluster,
            index,
            ids: Vec::new(),
            under_way: JoinSet::new(),
        }
    }

    async fn add(&mut self, id: String) -> Result<()> {
        self.ids.push(id);
        if self.ids.len() == IDS {
            self.count(AT_ONCE).await?;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<()> {
        self.count(1).await?;
        self.wait(1).await
    }

    async fn count(&mut self, at_once: usize) -> Result<()> {
        self.wait(at_once).await?;
        let (cluster, index) = (self.cluster.clone(), self.index.to_owned());
        let ids = std::mem::take(&mut self.ids);
        self.under_way.spawn(all_there(cluster, index, ids));
        Ok(())
    }

    /// Until fewer are under way.
    async fn wait(&mut self, than: usize) -> Result<()> {
        while self.under_way.len() >= than {
            let Some(ended) = self.under_way.join_next().await else {
                break;
            };
            ended.map_err(|cause| Error::Failed {
                message: cause.to_string(),
                hint: None,
            })??;
        }
        Ok(())
    }
}

/// A number tells nearly always; the document that is missing is looked for only where it does not.
async fn all_there(cluster: Cluster, index: String, ids: Vec<String>) -> Result<()> {
    if cluster
        .count(&Search::lenient([index.as_str()], json!({"ids": {"values": ids}})))
        .await?
        == ids.len() as u64
    {
        return Ok(());
    }
    let found = cluster.locate(&[&index], &ids).await?;
    let found: BTreeSet<&str> = found.iter().map(|(_, id)| id.as_str()).collect();
    match ids.iter().find(|id| !found.contains(id.as_str())) {
        Some(id) => Err(mismatch(format!("{index}: document {id} was written and is not there"))),
        // The archive has an id twice: the number of all documents tells.
        None => Ok(()),
    }
}
