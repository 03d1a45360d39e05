interface Step<State, Effect> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** Where a machine comes to by these events, one after the other, and all that it has done on the way. */
export function playThrough<State, Event, Effect>(
  next: (state: State, event: Event) => Step<State, Effect>,
  events: readonly Event[],
  from: State,
): { state: State; effects: Effect[] } {
  const effects: Effect[] = [];
  let state = from;
  for (const event of events) {
    const step = next(state, event);
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects };
}
