//! What we rely on in ractor. Run again after each upgrade: these are facts of version 0.16, not promises.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::mpsc;

struct Child;

#[derive(Debug)]
enum ChildMsg {
    Panic,
    Fail,
    Hang,
    Say(&'static str),
}

struct DropWitness(mpsc::UnboundedSender<&'static str>);

impl Drop for DropWitness {
    fn drop(&mut self) {
        let _ = self.0.send("memory dropped");
    }
}

impl Actor for Child {
    type Msg = ChildMsg;
    type State = DropWitness;
    type Arguments = mpsc::UnboundedSender<&'static str>;

    async fn pre_start(&self, _myself: ActorRef<ChildMsg>, said: Self::Arguments) -> Result<DropWitness, ActorProcessingErr> {
        Ok(DropWitness(said))
    }

    async fn handle(&self, _myself: ActorRef<ChildMsg>, message: ChildMsg, state: &mut DropWitness) -> Result<(), ActorProcessingErr> {
        match message {
            ChildMsg::Panic => panic!("scripted panic"),
            ChildMsg::Fail => return Err("scripted failure".into()),
            ChildMsg::Hang => std::future::pending::<()>().await,
            ChildMsg::Say(word) => {
                let _ = state.0.send(word);
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _myself: ActorRef<ChildMsg>, state: &mut DropWitness) -> Result<(), ActorProcessingErr> {
        let _ = state.0.send("post_stop");
        Ok(())
    }
}

/// Tells what its child did, and never lets it become its own end.
struct Parent;

impl Actor for Parent {
    type Msg = ();
    type State = mpsc::UnboundedSender<String>;
    type Arguments = mpsc::UnboundedSender<String>;

    async fn pre_start(&self, _myself: ActorRef<()>, told: Self::Arguments) -> Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<()>,
        event: SupervisionEvent,
        told: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let word = match event {
            SupervisionEvent::ActorFailed(_, error) => format!("failed: {error}"),
            SupervisionEvent::ActorTerminated(_, _, reason) => format!("terminated: {}", reason.unwrap_or_default()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        let _ = told.send(word);
        Ok(())
    }
}

struct Family {
    parent: ActorRef<()>,
    child: ActorRef<ChildMsg>,
    events: mpsc::UnboundedReceiver<String>,
    words: mpsc::UnboundedReceiver<&'static str>,
}

async fn family() -> Family {
    let (told, events) = mpsc::unbounded_channel();
    let (said, words) = mpsc::unbounded_channel();
    let (parent, _) = Actor::spawn(None, Parent, told).await.unwrap();
    let (child, _) = Actor::spawn_linked(None, Child, said, parent.get_cell()).await.unwrap();
    Family { parent, child, events, words }
}

#[tokio::test]
async fn a_panic_and_an_error_reach_the_parent_which_lives_on_and_the_memory_is_dropped_without_post_stop() {
    for blow in [ChildMsg::Panic, ChildMsg::Fail] {
        let mut family = family().await;
        family.child.send_message(blow).unwrap();
        assert!(family.events.recv().await.unwrap().starts_with("failed"));
        assert_eq!(family.words.recv().await, Some("memory dropped"));
        assert!(family.parent.send_message(()).is_ok());
        family.parent.stop(None);
    }
}

#[tokio::test]
async fn messages_behind_a_failure_are_lost() {
    let mut family = family().await;
    family.child.send_message(ChildMsg::Say("before")).unwrap();
    family.child.send_message(ChildMsg::Fail).unwrap();
    let _ = family.child.send_message(ChildMsg::Say("behind"));
    assert_eq!(family.words.recv().await, Some("before"));
    assert_eq!(family.words.recv().await, Some("memory dropped"));
    family.parent.stop(None);
}

#[tokio::test]
async fn a_clean_stop_runs_post_stop_and_tells_the_parent() {
    let mut family = family().await;
    family.child.stop(None);
    assert_eq!(family.words.recv().await, Some("post_stop"));
    assert!(family.events.recv().await.unwrap().starts_with("terminated"));
    family.parent.stop(None);
}

#[tokio::test]
async fn when_the_parent_stops_a_hanging_child_is_killed_in_its_await_and_its_memory_dropped() {
    let mut family = family().await;
    family.child.send_message(ChildMsg::Hang).unwrap();
    tokio::task::yield_now().await;
    family.parent.stop(None);
    assert_eq!(family.words.recv().await, Some("memory dropped"), "no post_stop");
}

#[tokio::test]
async fn a_message_to_a_dead_actor_comes_back_as_an_error() {
    let mut family = family().await;
    family.child.stop(None);
    family.events.recv().await.unwrap();
    assert!(family.child.send_message(ChildMsg::Hang).is_err());
    family.parent.stop(None);
}

#[tokio::test(start_paused = true)]
async fn timers_obey_the_paused_clock() {
    let mut family = family().await;
    let _timer = family.child.send_after(Duration::from_secs(3600), || ChildMsg::Say("an hour later"));
    let began = tokio::time::Instant::now();
    assert_eq!(family.words.recv().await, Some("an hour later"));
    assert!(began.elapsed() >= Duration::from_secs(3600));
    family.parent.stop(None);
}
