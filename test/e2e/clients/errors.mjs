// Errors, in the many forms in which clients report them.

/** A list of errors with message and, perhaps, extensions. */
export function errorsOf(error) {
  if (Array.isArray(error)) return error;
  for (const list of [error.graphQLErrors, error.errors, error.response?.errors]) {
    if (list?.length) return list;
  }
  return [error];
}

/** An error to throw, with the list. */
export function refused(error) {
  const errors = errorsOf(error);
  return Object.assign(new Error(errors.map((e) => e.message).join('; '), { cause: error }), { errors });
}
