// kiban_compact DIRECTORY: compacts the rows of a stopped server, DATA/rows.
#include <iostream>

#include "store/rocksdb_store.h"
#include "store/store.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "kiban_compact: name the directory of the rows\n";
    return 2;
  }
  const auto rows = kiban::store::open_rocksdb_store(argv[1]);
  const auto done = rows ? kiban::store::erase_overwritten(**rows)
                         : kiban::Result<void>(std::unexpected(rows.error()));
  if (done) return 0;
  std::cerr << "kiban_compact: " << done.error().cause << "\n";
  return 1;
}
