#include <fstream>
#include <iostream>

#include "cli/commands.h"
#include "cli/report.h"
#include "iam/evaluate.h"

namespace kiban::cli {

namespace {

void evaluate_lines(std::istream& in) {
  for (std::string line; std::getline(in, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos)
      std::cout << iam::evaluate_line(line) << std::endl;
}

}  // namespace

int evaluate_policies(const std::vector<std::string>& files) {
  if (files.empty()) evaluate_lines(std::cin);
  for (const std::string& file : files) {
    if (file == "-") {
      evaluate_lines(std::cin);
      continue;
    }
    std::ifstream in(file);
    if (!in) return complain(file, "cannot be read", "Name files of JSON lines, or - for stdin.");
    evaluate_lines(in);
  }
  return exit_done;
}

}  // namespace kiban::cli
