/**
 * Recorded exchanges and signature vectors of OxaPay v1. Keys and values are published examples, none is real; where a
 * page shows field names alone, the values are made up.
 */

/** Source: Payout Information, API Response Example. */
export const INFORMATION_SAMPLE = `{
    "data": {
        "track_id": "258298351",
        "address": "1AmH3Qz2LooYa1YSyLhySuatwoRMsfznPJ",
        "currency": "BTC",
        "network": "Bitcoin Network",
        "amount": 0.0200000000,
        "fee": 0.0000100000,
        "status": "processing",
        "tx_hash": "",
        "description": "test",
        "internal": false,
        "memo": "test",
        "date": 1736501470
    },
    "message": "Operation completed successfully!",
    "error": {},
    "status": 200,
    "version": "1.0.0"
}`;

/** The same call for a payout on its way, with our number in the description. */
export const INFORMATION_CONFIRMING =
  '{ "data": { "track_id": "258298451", "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "currency": "USDT", "network": "Tron Network", "amount": 125.5, "fee": 1.5, "status": "confirming", "tx_hash": "9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def", "description": "PO-2025-000042", "internal": false, "memo": "", "date": 1736501470 }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Generate Payout. */
export const CREATE_REQUEST =
  '{ "address": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "currency": "USDT", "amount": 125.5, "network": "TRC20", "callback_url": "https://merchant.example/hooks/oxapay", "description": "PO-2025-000042" }';

/** Source: Generate Payout. */
export const CREATE_ANSWER =
  '{ "data": { "track_id": "258298451", "status": "processing" }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Account Balance. */
export const BALANCE_ANSWER =
  '{ "data": { "USDT": 10.5, "BTC": 0.0022866845, "ETH": 0.21 }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Supported Currencies, field names. */
export const CURRENCIES_ANSWER = `{ "data": { "USDT": { "symbol": "USDT", "name": "Tether", "status": true, "networks": {
  "Tron": { "network": "Tron", "name": "TRC20", "keys": ["trc20", "tron", "trx"], "required_confirmations": 19, "withdraw_fee": 1.5, "withdraw_min": 1, "deposit_min": 0.5, "static_fixed_fee": 0 },
  "BSC": { "network": "BSC", "name": "BEP20", "keys": ["bep20", "bsc"], "required_confirmations": 15, "withdraw_fee": 0.3, "withdraw_min": 1, "deposit_min": 0.5, "static_fixed_fee": 0 } } } },
  "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }`;

/** Source: Supported Currencies, API Response Example, two of its currencies. */
export const CURRENCIES_SAMPLE = `{
"data": {
"BTC": { "symbol": "BTC", "name": "Bitcoin", "status": true, "networks": {
"Bitcoin": { "network": "Bitcoin", "name": "Bitcoin Network", "keys": ["Bitcoin", "BTC"], "required_confirmations": 2, "withdraw_fee": 0.00011, "withdraw_min": 0.000045, "deposit_min": 9.28e-8, "static_fixed_fee": 0.000002 } } },
"ETH": { "symbol": "ETH", "name": "Ethereum", "status": true, "networks": {
"Ethereum": { "network": "Ethereum", "name": "Ethereum Network", "keys": ["Ethereum", "ERC20", "ETH"], "required_confirmations": 10, "withdraw_fee": 0.0002, "withdraw_min": 0.0001, "deposit_min": 0.0000040832, "static_fixed_fee": 0 },
"Base": { "network": "Base", "name": "Base Network", "keys": ["Base"], "required_confirmations": 10, "withdraw_fee": 8e-7, "withdraw_min": 0.0002, "deposit_min": 0.0000040832, "static_fixed_fee": 0 } } }
},
"message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }`;

/** Source: Supported Fiat Currencies, API Response Example, two of its currencies. */
export const FIATS_ANSWER =
  '{ "data": { "USD": { "symbol": "USD", "name": "United States Dollar", "price": 1, "display_precision": 0.001 }, "AMD": { "symbol": "AMD", "name": "Armenian Dram", "price": 0.00252146, "display_precision": 0.1 } }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Supported Networks, API Response Example. */
export const NETWORKS_ANSWER =
  '{ "data": { "list": [ "Bitcoin Network", "Ethereum Network", "Tron Network", "Binance Smart Chain", "Dogecoin Network", "Solana Network", "Polygon Network", "Litecoin Network", "DigiByte Network", "Monero Network", "TON Network", "Bitcoin Cash Network", "Base" ] }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Swap Rate. */
export const SWAP_RATE_REQUEST = '{ "from_currency": "BTC", "to_currency": "USDT" }';

/** Source: Swap Rate. */
export const SWAP_RATE_ANSWER =
  '{ "data": { "rate": 94763.06 }, "message": "Operation completed successfully!", "error": {}, "status": 200, "version": "1.0.0" }';

/** Source: Error; the wording is made up. */
export const INVALID_AMOUNT_ANSWER =
  '{ "data": {}, "message": "The submitted data is not valid.", "error": { "type": "invalid_param", "key": "amount", "message": "The amount field must be a number." }, "status": 400, "version": "1.0.0" }';

/** A webhook, and its `HMAC` under the payout key (good) and under the merchant key (to be refused). */
export const WEBHOOK = {
  payoutKey: 'PAYOUT-DEMO-4F2A91',
  merchantKey: 'MERCHANT-DEMO-77B0C3',
  body: '{"track_id":"227296189","status":"Confirmed","type":"payout","tx_hash":"9242e533703704ef3eaba840f70b4a26333e72c943377ee375fea17badb53def","address":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t","amount":10.0,"value":10.0,"currency":"USDT","network":"Tron Network","description":"PO-2025-000042","date":1738492316}',
  hmac: 'fb348edca4a568d16e506f8c1cbf9d9bd226155bf3e44736e05612d448f96333d840108c8363d11de0d0467c062810ca1184ebfedd71c4a3743ee625ca5e1c30',
  merchantHmac:
    'd3d835da143e0d0139552a2f5333f0c86883f3f80f5a3879d9d9159d9d3dc4d133f7d398002dd01ea8f7b5e6d511ab06fe9eec0fceb32b537ddc044cea47bfe4',
} as const;
