import type { CodegenConfig } from '@graphql-codegen/cli';

/**
 * Types for the client documents of the tests. It reads the printed schema: importing the schema itself would load a second
 * copy of graphql.
 */
const config: CodegenConfig = {
  schema: 'schema.graphql',
  documents: 'test/operations/*.graphql',
  importExtension: '.ts',
  generates: {
    'test/operations/generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        enumsAsTypes: true,
        useTypeImports: true,
        skipTypename: true,
        scalars: { Decimal: 'string', DateTime: 'string' },
      },
    },
  },
};

export default config;
