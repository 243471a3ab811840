// The built-in functions, by the page of docs.jsonata.org that documents them.
#pragma once

#include <vector>

#include "jsonata/evaluator.h"

namespace kiban::jsonata {

std::vector<Builtin> string_functions();
std::vector<Builtin> matching_functions();
std::vector<Builtin> number_functions();
std::vector<Builtin> array_functions();
std::vector<Builtin> object_functions();
std::vector<Builtin> date_functions();
std::vector<Builtin> step_functions();

// Half to even on the decimal digits of its shortest form, as $round.
double round_to(double value, int digits);
Value format_number(const Call& call);

}  // namespace kiban::jsonata
