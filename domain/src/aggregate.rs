//! All that cqrs-es needs of an aggregate, so that a context holds business only.

/// Plugs an aggregate with inherent `decide` and `evolve` into cqrs-es and names its events.
macro_rules! aggregate {
    ($aggregate:ident in $type:literal, refuses with $error:ty, $($variant:ident => $event_type:literal),+ $(,)?) => {
        impl cqrs_es::Aggregate for $aggregate {
            const TYPE: &'static str = $type;
            type Command = Command;
            type Event = Event;
            type Error = $error;
            type Services = ();

            async fn handle(
                &mut self,
                command: Command,
                (): &(),
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), $error> {
                for event in self.decide(command)? {
                    // Applies the event to `self` too.
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: Event) {
                self.evolve(event);
            }
        }

        impl cqrs_es::DomainEvent for Event {
            fn event_type(&self) -> String {
                match self {
                    $(Self::$variant { .. } => $event_type,)+
                }
                .to_owned()
            }

            fn event_version(&self) -> String {
                "1.0".to_owned()
            }
        }
    };
}

pub(crate) use aggregate;
