import SchemaBuilder, { BasePlugin, type PothosInputFieldConfig, type SchemaTypes } from '@pothos/core';

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      itemwise: ItemwisePlugin<Types>;
    }
  }
}

/**
 * Takes the validation off arguments with the extension `itemwise`: their resolver validates each item by itself, where one
 * that is wrong would otherwise have the whole argument refused. It stands before the plugin that validates, and so acts
 * after it.
 */
class ItemwisePlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onInputFieldConfig(config: PothosInputFieldConfig<Types>): PothosInputFieldConfig<Types> {
    if (config.extensions?.itemwise !== true) return config;
    const { validator: _, ...extensions } = config.extensions;
    return { ...config, extensions };
  }
}

const NAME = 'itemwise';

SchemaBuilder.registerPlugin(NAME, ItemwisePlugin);

export default NAME;
