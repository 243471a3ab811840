#include "jsonata/functions.h"
namespace kiban::jsonata {
std::vector<Builtin> date_functions() { return {}; }
std::vector<Builtin> step_functions() { return {}; }
}  // namespace kiban::jsonata
