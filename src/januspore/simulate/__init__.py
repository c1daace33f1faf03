"""From a state and a field programme to a record: driver, observables, record files."""
