// The evaluator alone, for the conformance suite: JSON lines from stdin to stdout.
#include <iostream>

#include "jsonata/eval_lines.h"

int main() { return kiban::jsonata::eval_lines(std::cin, std::cout); }
