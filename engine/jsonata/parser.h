// What parse() is made of.
#pragma once

#include "jsonata/ast.h"

namespace kiban::jsonata {

// From the grammar's tree to the one that is evaluated: dots become paths, brackets predicates,
// `%` is resolved to slots, calls in tail position become thunks.
OrError<Node*> process(Node* tree, Expression& expression);

}  // namespace kiban::jsonata
