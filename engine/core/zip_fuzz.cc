// Directories of ZIP archives: refused, or read within the bytes of the archive. What is made of
// the names that were read has the same names again.
#include "core/result.h"
#include "core/zip.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const auto entries = read_zip_directory({reinterpret_cast<const char*>(data), size});
  if (!entries) return 0;
  std::vector<ZipFile> files;
  for (const ZipEntry& entry : *entries) files.push_back({.name = entry.name, .content = "x"});
  const auto again = read_zip_directory(make_zip(files));
  KIBAN_CHECK(again.has_value(), "an archive of ours can be read");
  KIBAN_CHECK(again->size() == entries->size(), "it has the same files");
  for (std::size_t i = 0; i < again->size(); ++i)
    KIBAN_CHECK((*again)[i].name == (*entries)[i].name, "under the same names");
  return 0;
}
